import { InvalidArgumentError, Option, type Command } from 'commander';
import { BlockList, isIP } from 'node:net';
import type { DiagnosticLevel } from '../node/diagnostic-line.js';
import { tolerateShortLivedBuffers } from '../node/heap-growth.js';
import { formatHostPort, type HostPort } from '../node/host-port.js';
import { PinoDiagnostics } from '../node/pino-diagnostics.js';
import { SwitchExposedError } from '../node/switch-error.js';
import { SwitchHost } from '../node/switch-host.js';
import { formatForward, parseForward, type ForwardRule } from '../network/forward-rule.js';
import { formatIp, parseSubnet, type Subnet } from '../network/ipv4-address.js';
import { addressesIn } from '../network/gateway-addresses.js';
import { formatUplink, parseUplink, type UplinkAddress } from '../network/uplink-address.js';
import { exitStatus } from './exit-status.js';
import { hostPort } from './option-parsers.js';
import { onSignals } from './signals.js';
import { UsageError } from './usage-error.js';

export const defaultSwitchAddress: HostPort = { host: '127.0.0.1', port: 7500 };
const defaultSubnet: Subnet = { base: 0x0a00_0200, prefixBits: 24 };

interface SwitchArguments {
  readonly listen?: HostPort;
  readonly allowRemote?: true;
  readonly forward?: readonly ForwardRule[];
  readonly uplink?: UplinkAddress;
  readonly gateway?: boolean;
  readonly subnet?: Subnet;
  readonly dns?: HostPort;
  readonly outbound: boolean;
  readonly hostLoopback?: true;
  readonly capture?: string;
  readonly json?: true;
  readonly logLevel: DiagnosticLevel;
  readonly logFile?: string;
}

export function addSwitchCommand(program: Command): void {
  program
    .command('switch')
    .description('the virtual Ethernet switch and gateway: how guests are reached, and reach out')
    .option(
      '--listen <host:port>',
      `where guests attach; port 0: any (default: ${formatHostPort(defaultSwitchAddress)})`,
      hostPort,
    )
    .option('--allow-remote', 'let --listen be an address other hosts can reach')
    .option(
      '--forward <rule>',
      'HOST:PORT:GUESTPORT or HOST:PORT:GUESTIP:GUESTPORT, with /udp or not; repeatable',
      (text: string, before: readonly ForwardRule[] = []) => [...before, forwardRule(text)],
    )
    .option(
      '--uplink <address>',
      'a network beside ours: stream:unix:PATH or stream:tcp:HOST:PORT (passt, gvproxy, QEMU)',
      uplinkAddress,
    )
    .option('--gateway', 'with --uplink: the built-in gateway all the same')
    .option('--no-gateway', 'a switch alone')
    .option(
      '--subnet <cidr>',
      `addresses of guests and gateway (default: ${formatSubnet(defaultSubnet)})`,
      subnetOption,
    )
    .option(
      '--dns <host:port>',
      "the resolver guests' queries go to (default: the host's)",
      resolver,
    )
    .option('--no-outbound', 'guests reach each other and the gateway, nothing beyond')
    .option('--host-loopback', "guests reach the host's 127.0.0.1 at the gateway's address")
    .option('--capture <file>', 'keep every frame there, for Wireshark or tcpdump (pcapng)')
    .option('--json', 'say where everything is as one JSON object on stdout')
    .addOption(
      new Option('--log-level <level>', 'how much to say on stderr')
        .choices(['debug', 'info', 'warn', 'error', 'silent'])
        .default('info'),
    )
    .option('--log-file <file>', 'also append diagnostics there, as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ ftvm switch --forward 127.0.0.1:6379:6379 --forward 127.0.0.1:8080:80
  $ ftvm run --primary --switch ws://127.0.0.1:7500 --service redis,httpd
  $ curl http://127.0.0.1:7500/status       # ports, forwards, connections
  $ ftvm switch --capture kill.pcapng       # and look at a failover: tshark -r kill.pcapng
Frames carry no proof of who sent them, so the switch listens on loopback unless --allow-remote is
given; then whoever reaches the port can speak as any guest. Forwards listen where they say.`,
    )
    .action((parsed: SwitchArguments) => runSwitch(parsed));
}

async function runSwitch(parsed: SwitchArguments): Promise<void> {
  const { listen = defaultSwitchAddress, subnet = defaultSubnet, uplink, forward = [] } = parsed;
  if (!parsed.allowRemote && !isLoopback(listen.host)) {
    throw new SwitchExposedError(formatHostPort(listen));
  }
  const hasGateway = parsed.gateway ?? uplink === undefined;
  if (!hasGateway && forward.length > 0) {
    throw new UsageError(
      '--forward needs the built-in gateway, which is off',
      'Add --gateway, or forward with the network behind --uplink.',
    );
  }
  tolerateShortLivedBuffers();
  const diagnostics = new PinoDiagnostics({ level: parsed.logLevel, logFile: parsed.logFile });
  const host = await SwitchHost.open(diagnostics, {
    listen,
    subnet,
    forwards: forward,
    uplink: uplink ?? null,
    gateway: hasGateway,
    outbound: parsed.outbound,
    hostLoopback: parsed.hostLoopback ?? false,
    resolver: parsed.dns ?? null,
    capture: parsed.capture ?? null,
  });
  const signalled = new Promise<void>((resolve) => onSignals(resolve));
  const told = { host, subnet, hasGateway, uplink: uplink ? formatUplink(uplink) : null };
  process.stdout.write(parsed.json ? `${JSON.stringify(asJson(told))}\n` : asText(told));
  await signalled;
  await host.close();
  process.exitCode = exitStatus.interrupted;
}

/** What there is to say about a switch that runs. */
interface Told {
  readonly host: SwitchHost;
  readonly subnet: Subnet;
  readonly hasGateway: boolean;
  readonly uplink: string | null;
}

function asJson({ host, subnet, hasGateway, uplink }: Told): object {
  const { guest, server } = addressesIn(subnet);
  return {
    url: host.url,
    status: `${host.url.replace(/^ws/, 'http')}/status`,
    pid: process.pid,
    subnet: formatSubnet(subnet),
    gateway: hasGateway ? formatIp(server) : null,
    guest: formatIp(guest),
    forwards: host.forwards.map((rule) => ({
      host: rule.host,
      port: rule.port,
      guestIp: formatIp(rule.guestIp ?? guest),
      guestPort: rule.guestPort,
      protocol: rule.protocol,
    })),
    uplink,
  };
}

function asText({ host, subnet, hasGateway, uplink }: Told): string {
  const { guest, server, nameServer } = addressesIn(subnet);
  const lines = [`switch at ${host.url}`];
  if (hasGateway) {
    lines.push(
      `gateway ${formatIp(server)} of ${formatSubnet(subnet)}, DNS ${formatIp(nameServer)}, ` +
        `first guest ${formatIp(guest)}`,
    );
  }
  for (const rule of host.forwards) lines.push(`forward ${formatForward(rule)}`);
  if (uplink !== null) lines.push(`uplink ${uplink}`);
  return `${lines.join('\n')}\n`;
}

function formatSubnet({ base, prefixBits }: Subnet): string {
  return `${formatIp(base)}/${prefixBits}`;
}

function isLoopback(host: string): boolean {
  if (host === 'localhost') return true;
  const loopback = new BlockList();
  loopback.addSubnet('127.0.0.0', 8, 'ipv4');
  loopback.addAddress('::1', 'ipv6');
  const family = isIP(host);
  return family !== 0 && loopback.check(host, family === 6 ? 'ipv6' : 'ipv4');
}

function forwardRule(text: string): ForwardRule {
  const rule = parseForward(text);
  if (rule === null) {
    throw new InvalidArgumentError(
      'It is HOST:PORT:GUESTPORT or HOST:PORT:GUESTIP:GUESTPORT, for example 127.0.0.1:8080:80 ' +
        'or 127.0.0.1:5353:53/udp.',
    );
  }
  return rule;
}

function uplinkAddress(text: string): UplinkAddress {
  const address = parseUplink(text);
  if (address === null) {
    throw new InvalidArgumentError('It is stream:unix:PATH or stream:tcp:HOST:PORT.');
  }
  return address;
}

function subnetOption(text: string): Subnet {
  const parsed = parseSubnet(text);
  if (parsed === null) {
    throw new InvalidArgumentError(
      'It is an IPv4 network from /8 to /29, for example 10.0.2.0/24.',
    );
  }
  return parsed;
}

function resolver(text: string): HostPort {
  const address = hostPort(text);
  // Only its own address tells a resolver's answer from a forged one.
  if (isIP(address.host) === 0) throw new InvalidArgumentError('It is an IP address and a port.');
  return address;
}

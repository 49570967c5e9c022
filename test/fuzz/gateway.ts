import { etherType, parseEthernet } from '../../src/network/ethernet-frame.js';
import { ipProtocol, parseIpv4 } from '../../src/network/ipv4-packet.js';
import type { Prng } from '../../src/sim/prng.js';
import { addresses, Scene, SceneGuest } from '../network/scene.js';
import { pingFrame, strangeFrame } from './frames.js';
import { randomBytes } from './mutator.js';
import { insist, type FuzzTarget } from './target.js';

/** What the host does meanwhile: servers answer, clients come and hang up, datagrams arrive. */
function hostTurn(chance: Prng, scene: Scene): void {
  const { connects, datagrams } = scene.network;
  const connect = connects.length > 0 ? chance.pick(connects) : null;
  switch (chance.whole(0, 6)) {
    case 0:
      return connect?.handlers.connected();
    case 1:
      return connect?.handlers.received(randomBytes(chance, chance.pick([1, 100, 5_000])));
    case 2:
      return connect?.handlers.closed(chance.chance(0.5));
    case 3:
      if (connect) connect.stream.isTaking = !connect.stream.isTaking;
      return;
    case 4: {
      const { handlers } = scene.client(chance.pick([80, 443]));
      handlers?.received(randomBytes(chance, 100));
      if (chance.chance(0.5)) handlers?.closed(false);
      return;
    }
    case 5: {
      const from = { host: chance.pick(['127.0.0.53', '8.8.8.8']), port: 53 };
      if (datagrams.length > 0) {
        chance.pick(datagrams).receive(randomBytes(chance, chance.whole(0, 80)), from);
      }
      return;
    }
    default:
      scene.clock.advance(chance.pick([0, 1, 40, 1_000, 70_000]));
  }
}

/** Two guests of one address, hostile both, against the whole gateway; afterwards it must still work. */
export const gatewayTarget: FuzzTarget = {
  name: 'gateway',
  share: 25,
  run: (chance) => {
    const scene = new Scene({ resolver: { host: '127.0.0.53', port: 53 } });
    const guest = new SceneGuest(scene);
    if (chance.chance(0.5)) guest.tcp.onConnection = () => undefined;
    for (let turn = chance.whole(10, 60); turn > 0; turn -= 1) {
      if (chance.chance(0.25)) hostTurn(chance, scene);
      else guest.send(strangeFrame(chance));
    }
    scene.clock.advance(1_000);
    const { connections, connectionCount } = scene.gateway.status();
    for (const { waitingForGuestBytes, waitingForHostBytes } of connections) {
      insist(
        waitingForGuestBytes < 600_000 && waitingForHostBytes < 600_000,
        'buffers are bounded',
      );
    }
    insist(scene.clock.timerCount < 1_000, 'timers are bounded');
    guest.received.length = 0;
    guest.send(pingFrame());
    scene.clock.advance(10);
    insist(guest.received.some(isEchoReply), 'the gateway answers whoever behaves');
    scene.gateway.close();
    insist(scene.gateway.status().connectionCount === 0, 'a closed gateway has no connections');
    return connectionCount > 0 ? 'taken' : 'refused';
  },
};

function isEchoReply(frame: Uint8Array): boolean {
  const ethernet = parseEthernet(frame);
  if (ethernet?.type !== etherType.ipv4) return false;
  const packet = parseIpv4(ethernet.payload);
  return (
    packet?.protocol === ipProtocol.icmp &&
    packet.source === addresses.server &&
    packet.payload[0] === 0
  );
}

/** RFC 9293 §3.3.2. `accepting`: the guest's SYN waits until the host knows whether it can connect. */
export type TcpState =
  | 'accepting'
  | 'synSent'
  | 'synReceived'
  | 'established'
  | 'finWait1'
  | 'finWait2'
  | 'closeWait'
  | 'closing'
  | 'lastAck'
  | 'timeWait'
  | 'closed';

/**
 * Text of a peer, made safe for a terminal and short enough for one line: control characters (which
 * could move the cursor or forge a line) become `?`.
 */
export function printable(text: string, lengthMax = 300): string {
  const plain = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, '?');
  return plain.length > lengthMax ? `${plain.slice(0, lengthMax)}…` : plain;
}

/** Facts about one message; a name ends in its unit. */
export type Fields = Readonly<Record<string, string | number | boolean | null>>;

/** What a replica says about itself while it runs. The guest's own output never goes here. */
export interface Diagnostics {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
}

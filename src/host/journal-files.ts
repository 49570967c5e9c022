/**
 * The directory of a journal on a host's own storage.
 *
 * Errors: a rejected promise is a host error: no room, no permission, a broken disk.
 */
export interface JournalFiles {
  /** In words, for people: the directory. */
  readonly place: string;
  list(): Promise<readonly JournalFileInfo[]>;
  /** Fewer bytes than asked for only at the end of the file. */
  read(name: string, offsetBytes: number, lengthBytes: number): Promise<Uint8Array>;
  /** An empty file under that name, whatever was there. */
  create(name: string): Promise<JournalFile>;
  /** Cuts a file off behind its first `bytes`, durably. */
  truncate(name: string, bytes: number): Promise<void>;
  remove(name: string): Promise<void>;
}

export interface JournalFileInfo {
  readonly name: string;
  readonly bytes: number;
}

/** A file that only grows. */
export interface JournalFile {
  append(bytes: Uint8Array): Promise<void>;
  /** Resolves when everything appended, and the file's name, would survive a power cut. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/**
 * The layer files of one drive, in a directory of the shared disk (see `disk/layer-head.ts`).
 *
 * Errors: a rejected promise is a host error. After one, what was asked may have been done or not.
 */
export interface LayerFiles {
  /** Every file there is, in any order. */
  names(): Promise<string[]>;
  /** Makes a file with these bytes, whole and durable, if and only if there is none of that name. */
  create(name: string, bytes: Uint8Array): Promise<'created' | 'exists'>;
  open(name: string): Promise<LayerFile>;
  /** No error if there is no such file. Who has it open may read on. */
  remove(name: string): Promise<void>;
}

/** Units: bytes. */
export interface LayerFile {
  /** Shorter than asked for where the file ends. */
  read(offsetBytes: number, lengthBytes: number): Promise<Uint8Array>;
  /** Durable only after a `sync` that was asked for when it had resolved. */
  write(offsetBytes: number, data: Uint8Array): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** The part of WebAssembly's global that the vCPU uses; TypeScript has it only together with the DOM. */
declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- a global that exists as a namespace
  namespace WebAssembly {
    class Module {
      constructor(bytes: Uint8Array);
    }
    class Instance {
      constructor(module: Module, imports: Record<string, unknown>);
      readonly exports: Record<string, unknown>;
    }
    class Memory {
      constructor(descriptor: { initial: number });
      readonly buffer: ArrayBuffer;
    }
    class Table {
      constructor(descriptor: { element: 'anyfunc'; initial: number });
      set(index: number, value: unknown): void;
    }
    type ModuleImports = Record<string, unknown>;
  }
}
export {};

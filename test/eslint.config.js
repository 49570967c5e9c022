import tseslint from 'typescript-eslint';

const fromHost = 'Take it from src/host.';
const hostGlobals = [
  'setTimeout',
  'setInterval',
  'setImmediate',
  'performance',
  'crypto',
  'process',
  'fetch',
];

export default tseslint.config(
  {
    files: ['src/**/*.ts'],
    extends: tseslint.configs.recommendedTypeChecked,
    languageOptions: {
      parserOptions: { project: './tsconfig.json', tsconfigRootDir: process.cwd() },
    },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Name the export.' },
      ],
    },
  },
  {
    files: ['test/**/*.ts'],
    extends: tseslint.configs.recommended,
    rules: { '@typescript-eslint/consistent-type-imports': 'error' },
  },
  {
    // Protocol code and contracts: input and time in, effects out. Devices of the host stay outside.
    files: ['src/{guest,log,replay,channel,role,disk,network,arbiter,host}/**/*.ts', 'src/*.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        ...hostGlobals.map((name) => ({ name, message: fromHost })),
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: fromHost },
        { object: 'Math', property: 'random', message: fromHost },
      ],
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['node:*', 'ws', 'pino', 'v86'], message: fromHost }] },
      ],
    },
  },
);

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const README = readFileSync(`${ROOT}README.md`, "utf8");
const PROGRAM = `${ROOT}readme-code.ts`;

/** The headings with lines of JavaScript, and what those go on with: what the reader has, and what lines of other headings made. */
const GIVEN: readonly (readonly [heading: string, given: string])[] = [
  ["Add it to a Socket.IO server: three lines", ""],
  [
    "A client, in the browser or in Node",
    `import { io } from "socket.io-client";
     declare const user: string, order: object, invoice: object;
     declare const reminders: import("holdfast-client").Queue, offers: typeof reminders, alerts: typeof reminders;`,
  ],
  [
    "Who may do what",
    `import { Holdfast } from "holdfast";
     import { connect } from "holdfast-client";
     declare const io: import("socket.io").Server, url: string;`,
  ],
  ["A server that starts shut", `declare const holdfast: import("holdfast").Holdfast, app: import("node:http").RequestListener;`],
];

const GIVEN_TO_ALL = `
declare function cook(order: unknown): Promise<void>;
declare function priceOf(item: unknown): number;
declare function freshToken(): Promise<string>;
declare function log(...what: unknown[]): void;
declare const show: typeof log, warn: typeof log, ticks: typeof log, showPending: typeof log, showSending: typeof log;
`;

const headings = (): string[] => [...README.matchAll(/^## (.*)$/gm)].map(([, heading = ""]) => heading);

function blocksUnder(heading: string): string[] {
  const from = README.indexOf(`\n## ${heading}\n`);
  const section = README.slice(from, README.indexOf("\n## ", from + 1));
  return [...section.matchAll(/```js\n([\s\S]*?)```/g)].map(([, block = ""]) => block);
}

/** One program, each block within the one before it, so that it goes on with what that one made, or makes it anew. */
function programOf(given: string, blocks: readonly string[]): string {
  const imports = new Set(given.split("\n").map((line) => line.trim()));
  const bodies = blocks.map((block) =>
    block.replace(/^import [^;]*;/gm, (line) => {
      imports.add(line);
      return "";
    }),
  );
  return `${[...imports].join("\n")}${GIVEN_TO_ALL}export async function read() {\n${bodies.join("{\n")}${"}".repeat(bodies.length)}\n`;
}

function errorsOf(program: string): string[] {
  const { config } = ts.readConfigFile(`${ROOT}tsconfig.json`, ts.sys.readFile);
  const loose = { noImplicitAny: false, noUncheckedIndexedAccess: false, noUnusedLocals: false, noUnusedParameters: false };
  const options = { ...ts.parseJsonConfigFileContent({ ...config, include: [], files: [PROGRAM] }, ts.sys, ROOT).options, ...loose };
  const host = ts.createCompilerHost(options);
  const { getSourceFile } = host;
  host.getSourceFile = (name, ...rest) =>
    name === PROGRAM ? ts.createSourceFile(name, program, ts.ScriptTarget.ES2023) : getSourceFile(name, ...rest);
  const made = ts.createProgram([PROGRAM], options, host);
  const file = made.getSourceFile(PROGRAM);
  const found = [...made.getSyntacticDiagnostics(file), ...made.getSemanticDiagnostics(file)];
  return found.map(({ messageText, start = 0 }) => `${ts.flattenDiagnosticMessageText(messageText, " ")} In: ${lineAt(program, start)}`);
}

const lineAt = (text: string, at: number): string => text.slice(text.lastIndexOf("\n", at) + 1, text.indexOf("\n", at)).trim();

it.each(GIVEN)(
  "JavaScript under %s calls what there is, with what that takes",
  (heading, given) => {
    expect(errorsOf(programOf(given, blocksUnder(heading)))).toEqual([]);
  },
  60_000,
);

it("there is JavaScript under no other heading", () => {
  const checked = GIVEN.map(([heading]) => heading);
  expect(headings().filter((heading) => blocksUnder(heading).length > 0)).toEqual(checked);
});

it("what is not there is found", () => {
  const program = programOf("", ['import { connect } from "holdfast-client";\nconnect("").queue("orders").publishh(1);\n']);
  expect(errorsOf(program)).toEqual([expect.stringContaining("Property 'publishh' does not exist")]);
}, 60_000);

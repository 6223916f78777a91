import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PROGRAM = `${ROOT}readme-code.ts`;
const README = "README.md";
const TEXTS = [README, "packages/client/README.md", "packages/server/README.md"];

/** Where there are lines of JavaScript, and what those go on with: what the reader has, and what lines of other headings made. */
const GIVEN: readonly (readonly [text: string, heading: string, given: string])[] = [
  [README, "Add it to a Socket.IO server: three lines", ""],
  [
    README,
    "A client, in the browser or in Node",
    `import { io } from "socket.io-client";
     declare const userId: string, order: object, invoice: object;
     declare const reminders: import("holdfast-client").Queue, offers: typeof reminders, alerts: typeof reminders;`,
  ],
  [
    README,
    "What a queue can do",
    `declare const holdfast: import("holdfast-client").Holdfast, order: object, invoice: object;
     declare function isOrder(body: unknown): boolean;
     declare function ovenIsHot(): boolean;
     declare function kitchenCloses(): boolean;`,
  ],
  [
    README,
    "Who may do what",
    `import { Holdfast } from "holdfast";
     import { connect } from "holdfast-client";
     declare const io: import("socket.io").Server, url: string;`,
  ],
  [README, "A server that starts shut", `declare const holdfast: import("holdfast").Holdfast, app: import("node:http").RequestListener;`],
  ["packages/client/README.md", "holdfast-client", ""],
  ["packages/server/README.md", "holdfast", ""],
];

const GIVEN_TO_ALL = `
declare function cook(order: unknown): Promise<void>;
declare function priceOf(item: unknown): number;
declare function freshToken(): Promise<string>;
declare function log(...what: unknown[]): void;
declare const show: typeof log, warn: typeof log, ticks: typeof log, showPending: typeof log, showSending: typeof log;
`;

const HEADING = /^#+ (.*)$/gm;

/** The headings of a text, each with the blocks of JavaScript between it and the next. */
function blocksOf(text: string): Map<string, string[]> {
  const content = readFileSync(`${ROOT}${text}`, "utf8");
  const blocks = new Map<string, string[]>();
  for (const { 0: line, 1: heading = "", index } of content.matchAll(HEADING)) {
    const from = index + line.length;
    const length = content.slice(from).search(HEADING);
    const section = length < 0 ? content.slice(from) : content.slice(from, from + length);
    blocks.set(
      heading,
      [...section.matchAll(/```js\n([\s\S]*?)```/g)].map(([, block = ""]) => block),
    );
  }
  return blocks;
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
  "JavaScript of %s under %s calls what there is, with what that takes",
  (text, heading, given) => {
    expect(errorsOf(programOf(given, blocksOf(text).get(heading) ?? []))).toEqual([]);
  },
  60_000,
);

it("there is JavaScript under no other heading", () => {
  const found = TEXTS.flatMap((text) => [...blocksOf(text)].map(([heading, blocks]) => ({ text, heading, count: blocks.length })));
  expect(found.filter(({ count }) => count > 0).map(({ text, heading }) => [text, heading])).toEqual(
    GIVEN.map(([text, heading]) => [text, heading]),
  );
});

it("what is not there is found", () => {
  const program = programOf("", ['import { connect } from "holdfast-client";\nconnect("").queue("orders").publishh(1);\n']);
  expect(errorsOf(program)).toEqual([expect.stringContaining("Property 'publishh' does not exist")]);
}, 60_000);

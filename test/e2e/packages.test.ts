import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path/posix";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

/** What says where the files of a package are: a path, or an object of them by condition. */
type Target = string | { readonly [condition: string]: Target };

interface Manifest {
  readonly exports: Target;
  readonly imports?: Target;
  readonly bin?: Target;
  readonly [field: string]: unknown;
}

const root = new URL("../../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), "utf8");

/** Paths of what `npm publish` would send. */
async function packed(name: string): Promise<string[]> {
  const cwd = fileURLToPath(new URL(`packages/${name}`, root));
  const { stdout } = await promisify(execFile)("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { cwd });
  const [tarball] = JSON.parse(stdout) as { readonly files: { readonly path: string }[] }[];
  return tarball?.files.map(({ path }) => path) ?? [];
}

const pathsOf = (target: Target): string[] =>
  typeof target === "string" ? [target.replace(/^\.\//, "")] : Object.values(target).flatMap(pathsOf);

const CODE = /^dist\/[\w./-]+\.(js|d\.ts)$/;
const TEXTS = ["LICENSE", "README.md", "package.json"];

describe.each([
  { name: "client", files: CODE },
  { name: "server", files: /^(bin\/holdfast\.js|dist\/demo\/[\w./-]+|dist\/[\w./-]+\.(js|d\.ts))$/ },
])("the package of $name", ({ name, files }) => {
  const manifest = JSON.parse(read(`packages/${name}/package.json`)) as Manifest;

  it("has what a user needs and nothing else", async () => {
    const paths = await packed(name);
    expect(paths.filter((path) => !files.test(path)).sort()).toEqual(TEXTS);
    expect(paths.filter((path) => /test|bench\.|fixture/.test(path))).toEqual([]);
    for (const path of [manifest.exports, manifest.imports ?? {}, manifest.bin ?? {}].flatMap(pathsOf)) expect(paths).toContain(path);
    if (name === "server") expect(paths).toEqual(expect.arrayContaining(["dist/cli/bench-server.js", "dist/demo/index.html"]));
  });

  it("says what it is, on which terms, and what it runs on", () => {
    expect(manifest).toMatchObject({
      description: expect.stringMatching(/\.$/),
      license: "MIT",
      engines: { node: expect.any(String) },
      keywords: expect.arrayContaining(["socket.io"]),
    });
    expect(read(`packages/${name}/LICENSE`)).toBe(read("LICENSE"));
    expect(read(`packages/${name}/README.md`)).toMatch(new RegExp(`^# ${String(manifest.name)}\n`));
    // Nothing that is not in the package.
    expect(read(`packages/${name}/README.md`)).not.toMatch(/\]\((?!https:)/);
  });
});

describe("modules of either kind", () => {
  const cwd = fileURLToPath(new URL("packages/server", root));
  const run = async (...args: string[]): Promise<string> => (await promisify(execFile)(process.execPath, args, { cwd })).stdout;

  it.each(["holdfast", "holdfast-client", "holdfast-client/admin", "holdfast-client/users"])(
    "may load %s, and get the same",
    async (name) => {
      const required = await run("--print", `Object.keys(require("${name}")).sort().join()`);
      const imported = `import * as all from "${name}"; console.log(Object.keys(all).sort().join());`;
      expect(await run("--input-type=module", "--eval", imported)).toBe(required);
    },
  );
});

/** What the built module imports before it does anything: packages by their names, modules of its own by what those import. */
function packagesOf(path: string, seen = new Set<string>()): string[] {
  if (seen.has(path)) return [];
  seen.add(path);
  const names = [...read(path).matchAll(/^import (?:[^"]* from )?"([^"]+)";$/gm)].map(([, name = ""]) => name);
  return names.flatMap((name) => (name.startsWith(".") ? packagesOf(join(dirname(path), name), seen) : [name]));
}

describe("the command line", () => {
  it("begins without what only some commands need", () => {
    const names = packagesOf("packages/server/dist/cli/main.js").filter((name) => !name.startsWith("node:"));
    expect([...new Set(names)].sort()).toEqual(["commander", "holdfast-client/admin", "holdfast-client/protocol"]);
  });
});

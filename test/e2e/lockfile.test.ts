import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

interface Entry {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: boolean;
  /** It is part of what another one brings. */
  readonly inBundle?: boolean;
  readonly hasInstallScript?: boolean;
}

const lock = JSON.parse(readFileSync(new URL("../../package-lock.json", import.meta.url), "utf8")) as {
  readonly packages: Readonly<Record<string, Entry>>;
};
/** What is installed from elsewhere. */
const installed = Object.entries(lock.packages).filter(([path, { link }]) => path.includes("node_modules/") && link !== true);

/** It would only build what it brings built; everything here is installed without running it. */
const NOT_RUN = ["node_modules/classic-level"];

it("every dependency is one exact version from the registry, known by its hash", () => {
  expect(installed.length).toBeGreaterThan(100);
  for (const [path, { version, resolved, integrity, inBundle = false }] of installed) {
    expect(version, path).toMatch(/^\d+\.\d+\.\d+/);
    if (inBundle) continue;
    // Without it: from the registry that npm is set up with.
    expect(resolved ?? "https://registry.npmjs.org/", path).toMatch(/^https:\/\/registry\.npmjs\.org\//);
    expect(integrity, path).toMatch(/^sha512-/);
  }
});

it("no dependency needs to run anything when it is installed", () => {
  const withScript = installed.filter(([, { hasInstallScript }]) => hasInstallScript === true).map(([path]) => path);
  expect(withScript).toEqual(NOT_RUN);
  expect(readFileSync(new URL("../../.npmrc", import.meta.url), "utf8")).toContain("ignore-scripts=true");
});

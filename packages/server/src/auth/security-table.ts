import { RULES, type Rule } from "./operations.js";

const rowOf = ({ operation, form, permissions, on, admin, adminOnly }: Rule): string => {
  const name = `\`${operation}\`${form === undefined ? "" : form === "of others" ? " of others' messages" : ` of \`${form}\``}`;
  const needs =
    adminOnly === true ? "not there" : permissions.length === 0 ? "nothing" : permissions.map((one) => `\`${one}\``).join(" or ");
  return `| ${name} | ${needs} | ${on} | ${admin === undefined ? "nobody" : `\`${admin}\``} |`;
};

/** The table of `docs/security.md`, made of what the checks go by. */
export function securityTable(): string {
  const rows = Object.values<Rule>(RULES).map(rowOf);
  return ["| operation | permission needed | on | in `/admin` |", "|---|---|---|---|", ...rows].join("\n");
}

/** A memagent server as a process of its own, for tests. */

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const PYTHON = process.env.PYTHON ?? "python3";
const SCRIPT = new URL("../../../../tests/helpers/served_process.py", import.meta.url).pathname;

export interface Server {
  url: string;
  keys: string[];
  stop(): Promise<void>;
}

/** Start a server with a key for each user. */
export async function serve(...users: string[]): Promise<Server> {
  const home = await mkdtemp(join(tmpdir(), "memagent-"));
  const names = users.map((user) => `key of ${user}=${user}`);
  const child = spawn(PYTHON, [SCRIPT, join(home, "memory"), ...names], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, MEMAGENT_HOME: home, MEMAGENT_CONFIG: join(home, "config.toml") },
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const said: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    said.push(line);
    if (said.length > users.length) break;
  }
  const [url, ...keys] = said;
  if (url === undefined) throw new Error("the server did not start");
  const stop = async () => {
    child.kill("SIGTERM");
    await ended;
    await rm(home, { recursive: true });
  };
  return { url, keys, stop };
}

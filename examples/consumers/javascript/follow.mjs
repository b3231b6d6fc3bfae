// Follows deliberations: validates every event against the AsyncAPI document, prints one JSON line for each, and
// goes on where it stopped when it is started again with the same --durable. docs/consumers.md tells the semantics.
//
//   node follow.mjs --deliberation inventory-reserved-1f2e3d4c
//   node follow.mjs --server nats://nats:4222 --seed-file seed --inbox-prefix _INBOX_consumer --durable audit
import { readFileSync, writeSync } from "node:fs";
import { parseArgs } from "node:util";
import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { AckPolicy, DeliverPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, nanos, nkeyAuthenticator } from "@nats-io/transport-node";
import Ajv from "ajv";
import addFormats from "ajv-formats";
import { parse } from "yaml";

const STREAM = "FLEET_EVENTS";
const TYPE_PREFIX = "swe_ai_fleet.deliberation.v1.";
const REFERENCE = "fleet_blobs:";
const BLOBS = "OBJ_fleet_blobs";
const LOOK_AGAIN_MS = 250;
const ACK_WAIT_S = 10; // what a reader that died had taken is delivered again after it

const { values: options } = parseArgs({
  options: {
    server: { type: "string", default: "nats://localhost:4222" },
    deliberation: { type: "string" },
    durable: { type: "string" },
    "from-sequence": { type: "string" },
    token: { type: "string" },
    "seed-file": { type: "string" },
    "inbox-prefix": { type: "string", default: "_INBOX" },
    "api-prefix": { type: "string", default: "$JS.API" }, // with accounts: $JS.fleet.API
    schemas: { type: "string", default: new URL("../../../schemas/asyncapi.yaml", import.meta.url).pathname },
  },
});

/** One validating function for each event type. */
function validators(path) {
  const document = parse(readFileSync(path, "utf8"));
  const ajv = new Ajv({ allErrors: true, strict: false });
  addFormats(ajv);
  ajv.addSchema(document, "fleet");
  return new Map(
    Object.entries(document.components.messages).map(([type, message]) => [
      type,
      ajv.compile({ $ref: `fleet${message.payload.$ref}` }),
    ]),
  );
}

function credentials() {
  if (options.token) return { token: options.token };
  if (!options["seed-file"]) return {};
  return { authenticator: nkeyAuthenticator(new TextEncoder().encode(readFileSync(options["seed-file"], "utf8").trim())) };
}

/** Where to begin: at a sequence, else with everything that the stream still holds. */
function start() {
  const sequence = options["from-sequence"];
  if (!sequence) return { deliver_policy: DeliverPolicy.All };
  return { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: Number(sequence) };
}

/** The durable consumer: the server remembers what it acknowledged. Made here where there is none yet, unless accounts
 *  leave that to operators. */
async function durable(connection, manager) {
  const known = await manager.consumers.info(STREAM, options.durable).catch((error) => {
    if (error.code === 10014) return null; // there is no such consumer
    throw error;
  });
  if (!known) {
    await manager.consumers.add(STREAM, {
      durable_name: options.durable,
      filter_subject: `fleet.v1.event.${options.deliberation ?? "*"}.>`,
      ack_policy: AckPolicy.Explicit,
      ack_wait: nanos(ACK_WAIT_S * 1000),
      ...start(),
    });
  }
  const consumer = await jetstream(connection, API).consumers.get(STREAM, options.durable);
  const messages = await consumer.consume();
  process.once("SIGTERM", () => messages.stop());
  return messages;
}

/** Without a name nothing is remembered, and no consumer is needed: one message after the other, by subject. */
async function* once(manager) {
  let next = Number(options["from-sequence"] ?? 1);
  let goesOn = true;
  process.once("SIGTERM", () => (goesOn = false));
  while (goesOn) {
    const subject = `fleet.v1.event.${options.deliberation ?? "*"}.>`;
    const message = await manager.direct.getMessage(STREAM, { seq: next, next_by_subj: subject });
    if (message) {
      next = message.seq + 1;
      yield message;
    } else await pause(LOOK_AGAIN_MS);
  }
}

/** The data of an event; a large one is in the object store (claim check), in chunks. */
async function dataOf(event, manager) {
  if (!event.dataref) return event.data;
  const name = event.dataref.slice(REFERENCE.length);
  const entry = Buffer.from(name).toString("base64").replaceAll("+", "-").replaceAll("/", "_");
  const meta = (await manager.direct.getMessage(BLOBS, { last_by_subj: `$O.fleet_blobs.M.${entry}` })).json();
  const chunks = [];
  for (let seq = 1; chunks.length < meta.chunks; ) {
    const subject = `$O.fleet_blobs.C.${meta.nuid}`;
    const chunk = await manager.direct.getMessage(BLOBS, { seq, next_by_subj: subject });
    chunks.push(chunk.data);
    seq = chunk.seq + 1;
  }
  const content = Buffer.concat(chunks);
  if (createHash("sha256").update(content).digest("hex") !== name) throw new Error(`the blob ${name} is damaged`);
  return JSON.parse(content.toString("utf8"));
}

/** What is wrong with an event; null where nothing is. Types of newer fleets are not ours to judge. */
async function problemOf(event, checks, manager) {
  const check = checks.get(event.type?.slice(TYPE_PREFIX.length));
  if (!event.type?.startsWith(TYPE_PREFIX)) return "not an event of a deliberation";
  if (!check) return null;
  const { dataref, ...whole } = { ...event, data: await dataOf(event, manager) };
  if (check(event) && check(whole)) return null;
  return check.errors.map((error) => `${error.instancePath} ${error.message}`).join("; ");
}

const API = { apiPrefix: options["api-prefix"], checkAPI: false };
const checks = validators(options.schemas);
const connection = await connect({
  servers: options.server,
  name: "consumer-javascript",
  inboxPrefix: options["inbox-prefix"],
  maxReconnectAttempts: -1,
  reconnectTimeWait: 250,
  ...credentials(),
});
const manager = await jetstreamManager(connection, API);
const messages = options.durable ? await durable(connection, manager) : once(manager);

for await (const message of messages) {
  const event = message.json();
  let problem;
  try {
    problem = await problemOf(event, checks, manager);
  } catch (error) {
    if (!options.durable) throw error;
    continue; // its blob cannot be read now: what is not acknowledged is delivered again
  }
  const delivery = message.info?.deliveryCount ?? 1;
  const line = { sequence: message.seq, delivery, id: event.id, type: event.type, problem };
  writeSync(1, `${JSON.stringify(line)}\n`); // first what the event is for, then the acknowledgement
  if (problem) process.exitCode = 1;
  if (options.durable) message.ack();
  if (options.deliberation && event.type === `${TYPE_PREFIX}closed`) break;
}
await connection.drain();

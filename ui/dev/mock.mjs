// A box that is not there: serves the built map and the routes of `/v1` that the map reads, with made-up data. For
// developing and testing the map alone; nothing of it is part of the appliance.
//
//   npm run mock -- [--port 8099] [--streets FILE.pmtiles] [--empty]
//
// POST /dev/mute and /dev/speak stop and resume every word on the stream; POST /dev/run computes anew.

import { createReadStream, existsSync, openSync, readSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { PMTiles } from 'pmtiles';
import { latestBacktest } from './backtest.mjs';
import { hexTile } from './hextile.mjs';
import { makeWorld } from './world.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const DIST = join(HERE, '..', '..', 'appliance', 'serve', 'map');
const CSP = "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; worker-src 'self'; connect-src 'self'; font-src 'self' data:";
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2', '.woff': 'font/woff' };

const { values: options } = parseArgs({
  options: { port: { type: 'string', default: '8099' }, streets: { type: 'string' }, empty: { type: 'boolean', default: false } },
});

const world = makeWorld({ empty: options.empty });
const streams = new Set();
let muted = false;
let lastEventAt = null;
let messageId = 0;

/** Reads an archive straight from the disk; PMTiles asks for ranges. */
class FileSource {
  constructor(path) {
    this.path = path;
    this.file = openSync(path);
  }
  getKey() {
    return this.path;
  }
  async getBytes(offset, length) {
    const bytes = Buffer.alloc(length);
    const read = readSync(this.file, bytes, 0, length, offset);
    return { data: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + read) };
  }
}

async function openBasemap(name, kind, path) {
  // The tiles are decompressed by the reader here; the box sends them as they are stored.
  const archive = new PMTiles(new FileSource(path));
  const header = await archive.getHeader();
  const metadata = await archive.getMetadata();
  const { minZoom: minzoom, maxZoom: maxzoom, minLon, minLat, maxLon, maxLat } = header;
  const layers = metadata.vector_layers.map(({ id }) => id);
  return { archive, entry: { name, kind, minzoom, maxzoom, bounds: [minLon, minLat, maxLon, maxLat], layers, attribution: metadata.attribution ?? null } };
}

const basemaps = [await openBasemap('world', 'world', join(DIST, 'world.pmtiles'))];
if (options.streets) basemaps.push(await openBasemap('streets', 'streets', options.streets));

function send(answer, status, type, body, headers = {}) {
  answer.writeHead(status, { 'content-type': type, 'cache-control': 'no-cache', ...headers });
  answer.end(body);
}

const json = (answer, body) => send(answer, 200, 'application/json', JSON.stringify(body));
const problem = (answer, status, title, detail) => send(answer, status, 'application/problem+json', JSON.stringify({ type: 'about:blank', title, status, detail }));

const ROUTES = [
  [/^\/v1\/map$/, (answer) => json(answer, { ...world.info(), basemaps: basemaps.map(({ entry }) => entry) })],
  [/^\/v1\/basemaps\/([^/]+)\/(\d+)\/(\d+)\/(\d+)$/, sendBasemap],
  [/^\/v1\/feed\/cells$/, (answer, query) => json(answer, world.cellList(Number(query.get('resolution'))))],
  [/^\/v1\/feed\/(risk|flagged)$/, (answer, query, name) => sendFeed(answer, query, name)],
  [/^\/v1\/tiles\/hex\/(\d+)\/(\d+)\/(\d+)$/, (answer, query, z, x, y) => {
    const { cells } = world.cellList(Number(query.get('resolution')));
    send(answer, 200, 'application/vnd.mapbox-vector-tile', hexTile(cells, Number(z), Number(x), Number(y)));
  }],
  [/^\/v1\/cells\/([0-9a-f]+)$/, (answer, query, h3) => json(answer, world.cell(h3, query.get('date'), Number(query.get('days') ?? 30)))],
  [/^\/v1\/backtests\/latest$/, (answer) => json(answer, latestBacktest({ empty: options.empty }))],
  [/^\/v1\/auth\/me$/, (answer) => json(answer, { name: '', role: 'public' })],
  [/^\/v1\/stream$/, openStream],
  [/^\/dev\/(mute|speak|run)$/, (answer, _query, what) => {
    if (what === 'run') broadcast('run', world.run());
    else muted = what === 'mute';
    send(answer, 204, 'text/plain', '');
  }],
];

async function sendBasemap(answer, _query, name, z, x, y) {
  const basemap = basemaps.find(({ entry }) => entry.name === name);
  const tile = basemap && (await basemap.archive.getZxy(Number(z), Number(x), Number(y)));
  if (!tile) return send(answer, 204, 'text/plain', '');
  return send(answer, 200, 'application/vnd.mapbox-vector-tile', Buffer.from(tile.data));
}

function sendFeed(answer, query, name) {
  const [from, to, resolution] = [query.get('from'), query.get('to'), Number(query.get('resolution'))];
  const { version, cells } = world.cellList(resolution);
  const headers = { 'x-hexpost-version': version, 'x-hexpost-cells': cells.length, 'x-hexpost-days': `${from}/${to}` };
  send(answer, 200, 'application/octet-stream', Buffer.from(world.feed(name, from, to, resolution)), headers);
}

function openStream(answer) {
  answer.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  streams.add(answer);
  answer.on('close', () => streams.delete(answer));
  if (muted) return;
  tell(answer, 'hello', { server_time: new Date().toISOString(), store_id: world.storeId });
  tell(answer, 'health', health());
}

function tell(answer, name, data) {
  answer.write(`id: ${(messageId += 1)}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
}

function broadcast(name, data) {
  if (!muted) for (const answer of streams) tell(answer, name, data);
}

function health() {
  return {
    server_time: new Date().toISOString(), last_event_at: lastEventAt, last_run_at: world.lastRunAt, broker: 'up',
    parts: { bridge: 'up', jobs: 'up', sync: 'up', serve: 'up' },
    sync: { state: 'down', pending_rows: 1234, last_acked_at: new Date(Date.now() - 7_200_000).toISOString() },
  };
}

function sendFile(answer, path) {
  const file = normalize(join(DIST, path === '/' ? 'index.html' : path));
  if (!file.startsWith(DIST) || !existsSync(file) || statSync(file).isDirectory()) return problem(answer, 404, 'Not found', path);
  answer.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream', 'content-security-policy': CSP });
  return createReadStream(file).pipe(answer);
}

const server = createServer((request, answer) => {
  const { pathname, searchParams } = new URL(request.url, 'http://box');
  for (const [pattern, handle] of ROUTES) {
    const match = pattern.exec(pathname);
    if (match) return void Promise.resolve(handle(answer, searchParams, ...match.slice(1))).catch((error) => problem(answer, 500, 'Failed', String(error)));
  }
  return sendFile(answer, pathname);
});

setInterval(() => broadcast('health', health()), 5_000);
setInterval(() => {
  const event = world.event();
  lastEventAt = event.received_at;
  broadcast('events', { items: [event] });
}, 3_000);
server.listen(Number(options.port), '127.0.0.1', () => console.log(`mock box at http://127.0.0.1:${options.port}/`));

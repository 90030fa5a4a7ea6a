// A test against a throwaway FTPS server: npm install && npm test

import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, readFile, readdir, rename, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { test } from "node:test"
import { Client } from "basic-ftp"

// The server, for the time of a test. Its fault takes what --fault takes, and
// "clear".
async function ftps(t, ...args) {
    const command = process.env.SALLYPORT ?? "sallyport"
    const child = spawn(command, ["test", ...args], { stdio: ["pipe", "pipe", "inherit"] })
    t.after(async () => {
        child.stdin.end()
        await once(child, "close")
    })
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const answer = async () => JSON.parse((await lines.next()).value)
    const server = await answer()
    server.fault = async (line) => {
        child.stdin.write(line + "\n")
        assert.deepEqual(await answer(), { ok: true })
    }
    return server
}

// The program that is tested.
async function connect({ host, port, user, password, ca }) {
    const client = new Client(30_000)
    await client.access({ host, port, user, password, secure: true, secureOptions: { ca } })
    return client
}

// fetch downloads a file, whole or not at all.
async function fetch(client, name, directory) {
    const part = join(directory, name + ".part")
    try {
        const size = await client.size(name)
        await client.downloadTo(part, name)
        if ((await stat(part)).size !== size) {
            throw new Error(name + " was cut")
        }
        await rename(part, join(directory, name))
    } finally {
        await rm(part, { force: true })
    }
}

// Its tests.
async function setup(t, ...args) {
    const local = await mkdtemp(join(tmpdir(), "orders-"))
    t.after(() => rm(local, { recursive: true }))
    const server = await ftps(t, ...args)
    const login = async () => {
        const client = await connect(server)
        t.after(() => client.close())
        return client
    }
    return { local, server, login }
}

test("deliver", async (t) => {
    const { local, server, login } = await setup(t)
    await writeFile(join(local, "report.csv"), "1;2;3\n")
    await (await login()).uploadFrom(join(local, "report.csv"), "report.csv")
    assert.equal(await readFile(join(server.root, "report.csv"), "utf8"), "1;2;3\n")
})

test("a cut download is noticed", async (t) => {
    const { local, server, login } = await setup(t)
    await writeFile(join(server.root, "orders.csv"), "4;5;6\n".repeat(1000))
    for (const how of ["fin", "rst", "clean,code=226"]) {
        await server.fault("cut:to=RETR,after=1000,how=" + how)
        await assert.rejects(fetch(await login(), "orders.csv", local))
        assert.deepEqual(await readdir(local), [])
        await server.fault("clear")
    }
    await fetch(await login(), "orders.csv", local)
    assert.equal((await stat(join(local, "orders.csv"))).size, 6000)
})

// One run of basic-ftp: what to do is JSON in the first argument, the answer
// JSON on standard output.

import { readFileSync, statSync } from "node:fs"
import { Readable } from "node:stream"
import { Client } from "basic-ftp"

const a = JSON.parse(process.argv[2])
const client = new Client(100_000)
client.ftp.verbose = true
client.ftp.log = (line) => process.stderr.write(line + "\n")

// list asks with one command only; the default tries several.
async function list(command, dir) {
    client.availableListCommands = [command]
    return (await client.list(dir)).map((file) => file.name)
}

// late is an empty file that takes its time. basic-ftp 6.2.3 thinks that the
// TLS handshake is over as soon as there is a session to resume, and ends the
// data connection of a file without content before the server's first flight
// has come. No server can do anything with that.
function late() {
    return new Readable({ read() { setTimeout(() => this.push(null), 200) } })
}

const ops = {
    login: () => null,
    list: (dir) => list("LIST", dir),
    facts: (dir) => list("MLSD", dir),
    upload: (local, remote) => client.uploadFrom(statSync(local).size > 0 ? local : late(), remote),
    download: (remote, local) => client.downloadTo(local, remote),
    "resume-upload": async (local, remote) =>
        client.appendFrom(local, remote, { localStart: await client.size(remote) }),
    "resume-download": (remote, local) => client.downloadTo(local, remote, statSync(local).size),
    rename: (from, to) => client.rename(from, to),
    delete: (remote) => client.remove(remote),
}

try {
    await client.access({
        host: a.host,
        port: a.port,
        user: a.user,
        password: a.password,
        secure: a.implicit ? "implicit" : true,
        secureOptions: { ca: readFileSync(a.ca), maxVersion: a.tls12 ? "TLSv1.2" : undefined },
    })
    const answer = await ops[a.op](...(a.args ?? []))
    await client.send("QUIT")
    if (Array.isArray(answer)) {
        process.stdout.write(JSON.stringify(answer))
    }
} catch (err) {
    console.error(err)
    process.exitCode = 1
} finally {
    client.close()
}

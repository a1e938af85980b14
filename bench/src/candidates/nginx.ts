import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { acceptsConnections, freePort, startProcess } from '../processes.ts'
import { type Tls, UPSTREAM_NAME, type UpstreamAddress } from '../upstream/start-upstream.ts'
import type { Candidate } from './candidate.ts'

export interface NginxOptions {
  readonly name: string
  readonly folder: string
  readonly upstream: UpstreamAddress
  /** Toward clients and toward the server; null: plain HTTP. */
  readonly tls: Tls | null
}

/** nginx of the distribution as a plain reverse proxy: the floor of any proxy that checks nothing. */
export async function startNginx({ name, folder, upstream, tls }: NginxOptions): Promise<Candidate> {
  const port = await freePort()
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const file = join(folder, `${name}.conf`)
  let certificate = ''
  let trust = ''
  if (tls !== null) {
    await writeFile(join(folder, `${name}.cert.pem`), tls.cert)
    await writeFile(join(folder, `${name}.key.pem`), tls.key, { mode: 0o600 })
    certificate = `ssl_certificate ${folder}/${name}.cert.pem; ssl_certificate_key ${folder}/${name}.key.pem;`
    trust = `proxy_ssl_verify on; proxy_ssl_trusted_certificate ${folder}/${name}.cert.pem; proxy_ssl_name ${UPSTREAM_NAME};`
  }
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${folder}/${name}-${kind};`)
    .join(' ')
  await writeFile(
    file,
    `daemon off; worker_processes 1; pid ${folder}/${name}.pid; error_log stderr crit;
${process.getuid?.() === 0 ? 'user root;' : ''}
events { worker_connections 8192; }
http {
  access_log off; keepalive_requests 1000000000; ${temporary}
  upstream server { server 127.0.0.1:${tls === null ? upstream.port : upstream.tlsPort}; keepalive 512; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port}${tls === null ? '' : ' ssl'}; ${certificate}
    location / {
      proxy_pass ${tls === null ? 'http' : 'https'}://server; ${trust} proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
      proxy_set_header Authorization "Bearer ${upstream.credential}"; proxy_read_timeout 300s; client_max_body_size 4m;
    }
  }
}
`,
  )
  const { pid } = await startProcess('nginx', ['-p', folder, '-c', file], () => acceptsConnections(port))
  return {
    name,
    work: 'nothing but forwarding',
    targets: [{ port, path: '/mcp', ca: tls?.cert ?? null }],
    modernPath: '/modern',
    pids: [pid],
    serverBehind: null,
    checksTokens: false,
    inspectsResults: false,
    carriesLogMessages: true,
    recorded: null,
    sessionsMax: Number.POSITIVE_INFINITY,
  }
}

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { launchChromium } from './chromium.ts'

test('the Chromium of page tests starts, shows a loopback page without JavaScript, and goes away', async () => {
  const server = createServer((_request, response) => response.end('<title>shown</title>'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // a TCP server that listens has an address object
  const browser = await launchChromium({ javaScriptEnabled: false })
  try {
    const page = await browser.context.newPage()
    await page.goto(`http://127.0.0.1:${port}/`)
    expect(await page.title()).toBe('shown')
  } finally {
    await browser.close()
    server.close()
  }
})

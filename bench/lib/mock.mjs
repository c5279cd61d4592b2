// The mock OpenAI server (test/mock_openai/README.md) as seen by the driver.
export class Mock {
  constructor(url, pid) {
    this.url = url;
    this.pid = pid;
  }

  async #call(method, path, body) {
    const reply = await fetch(this.url + path, { method, body });
    if (!reply.ok) throw new Error(`mock: ${method} ${path}: ${reply.status} ${await reply.text()}`);
    return reply.headers.get('content-type')?.includes('json') ? reply.json() : reply.text();
  }

  // Forgets everything and answers from now on by that script ('' : at once).
  async script(settings = '') {
    await this.#call('POST', '/_mock/reset', '');
    if (settings) await this.#call('POST', '/_mock/default', settings);
  }

  report(last = 0) { return this.#call('GET', `/_mock/report?last=${last}`); }
  // The last requests, oldest first: { arrived_us, finished_us, tag, … }.
  async requests(limit) { return (await this.report(limit)).last; }
}

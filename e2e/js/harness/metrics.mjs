// What a server counts.

/** The sum of all samples of a metric, whatever their labels. */
export async function metric(server, name) {
  const body = await (await fetch(server.admin('/metrics'))).text();
  return body
    .split('\n')
    .filter((line) => line.split(/[{ ]/)[0] === name)
    .reduce((total, line) => total + Number(line.split(' ').pop()), 0);
}

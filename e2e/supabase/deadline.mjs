// A script must end, well or badly: a client that hangs is a failure.

/** Runs the work; ends the process with an error after so many seconds. */
export async function within(seconds, work) {
  const late = setTimeout(() => {
    console.error(`still not finished after ${seconds} s`);
    process.exit(1);
  }, seconds * 1000);
  await work();
  clearTimeout(late);
}

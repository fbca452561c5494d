/** Tests that start commands and examples start them on this runtime. */
process.execPath = process.env.RUNTIME

// Tests count sockets, and Deno opens two of its own once it listens for a signal or starts a process.
if ("deno" in process.versions) process.on("SIGUSR2", () => {})

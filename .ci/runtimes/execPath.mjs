/** Tests that start commands and examples start them on this runtime. */
process.execPath = process.env.RUNTIME

console.log("postinstall", process.version)

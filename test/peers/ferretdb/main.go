// FerretDB 1 on SQLite, started with the flags that its own program has and this one needs.
// The program of its own repository cannot be built outside of it: a generated file is missing.
package main

import (
	"context"
	"flag"
	"log"
	"os/signal"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	address := flag.String("listen-addr", "127.0.0.1:27017", "TCP address; empty for none")
	socket := flag.String("listen-unix", "", "socket")
	tlsAddress := flag.String("listen-tls", "", "TLS address")
	certificate := flag.String("listen-tls-cert-file", "", "certificate")
	key := flag.String("listen-tls-key-file", "", "key")
	handler := flag.String("handler", "sqlite", "only sqlite")
	url := flag.String("sqlite-url", "file:data/", "folder of the data")
	for _, ignored := range []string{"debug-addr", "telemetry", "state-dir"} {
		flag.String(ignored, "", "taken and not used")
	}
	flag.Parse()
	server, err := ferretdb.New(&ferretdb.Config{
		Listener: ferretdb.ListenerConfig{
			TCP: *address, Unix: *socket, TLS: *tlsAddress, TLSCertFile: *certificate, TLSKeyFile: *key,
		},
		Handler:   *handler,
		SQLiteURL: *url,
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := server.Run(ctx); err != nil {
		log.Fatal(err)
	}
}

// A Nexus router for the checks of the command line client: WebSocket on the first address, RawSocket on the second. The realm
// realm1 lets anybody in; URIs that begin with "secret." are nobody's. It ends when its standard input does.
package main

import (
	"io"
	"log"
	"os"
	"strings"

	"github.com/gammazero/nexus/v3/router"
	"github.com/gammazero/nexus/v3/wamp"
)

type authorizer struct{}

func (authorizer) Authorize(_ *wamp.Session, message wamp.Message) (bool, error) {
	var uri wamp.URI
	switch message := message.(type) {
	case *wamp.Call:
		uri = message.Procedure
	case *wamp.Register:
		uri = message.Procedure
	case *wamp.Publish:
		uri = message.Topic
	case *wamp.Subscribe:
		uri = message.Topic
	}
	return !strings.HasPrefix(string(uri), "secret."), nil
}

func main() {
	logger := log.New(os.Stderr, "", log.LstdFlags)
	realm := &router.RealmConfig{URI: "realm1", AnonymousAuth: true, AllowDisclose: true, Authorizer: authorizer{}}
	nexus, err := router.NewRouter(&router.Config{RealmConfigs: []*router.RealmConfig{realm}}, logger)
	if err != nil {
		logger.Fatal(err)
	}
	if _, err = router.NewWebsocketServer(nexus).ListenAndServe(os.Args[1]); err != nil {
		logger.Fatal(err)
	}
	if _, err = router.NewRawSocketServer(nexus).ListenAndServe("tcp", os.Args[2]); err != nil {
		logger.Fatal(err)
	}
	if _, err = io.Copy(io.Discard, os.Stdin); err != nil {
		logger.Fatal(err)
	}
}

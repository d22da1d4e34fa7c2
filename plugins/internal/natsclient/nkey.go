package natsclient

import (
	"errors"
	"fmt"
	"os"

	"github.com/nats-io/nkeys"
)

var errNoUser = errors.New("is not the seed of a user")

// seed calls use with the key in a file.
func seed(path string, use func(nkeys.KeyPair) error) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	defer clear(text)
	pair, err := nkeys.ParseDecoratedNKey(text)
	if err != nil {
		return err
	}
	defer pair.Wipe()
	return use(pair)
}

func publicKey(path string) (key string, err error) {
	err = seed(path, func(pair nkeys.KeyPair) (err error) {
		if key, err = pair.PublicKey(); err == nil && !nkeys.IsValidPublicUserKey(key) {
			err = errNoUser
		}
		return err
	})
	return key, err
}

func sign(path string, nonce []byte) (signature []byte, err error) {
	err = seed(path, func(pair nkeys.KeyPair) (err error) {
		signature, err = pair.Sign(nonce)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sign with nkey %s: %w", path, err)
	}
	return signature, nil
}

// renew takes another key, where there is one in the file by now. Only the goroutine that connects calls it, between
// two tries: the client asks for a signature each time, and for the key that it belongs to only once.
func (k *Conn) renew() {
	nc := k.nc.Load()
	if nc == nil || k.config.NKey == "" {
		return
	}
	key, err := publicKey(k.config.NKey)
	if err != nil {
		k.log.Warn("cannot read who the agent is; the key that was there before serves", "nkey", k.config.NKey, "err", err)
		return
	}
	nc.Opts.Nkey = key
}

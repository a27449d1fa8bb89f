package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/zmq"
)

// admitted makes an attempt to forward that binds this listener's CURVE key where
// the next one does not admit it, and then comes again.
func (r *relay) admitted(ctx context.Context, f Forward, client *zmq.Client, attempt func() error) error {
	err := attempt()
	if z := (*zmq.Error)(nil); len(f.Enrol) == 0 || !errors.As(err, &z) || z.Kind != zmq.NotAdmitted {
		return err
	}
	if err := r.bindKey(ctx, f, client); err != nil {
		return fmt.Errorf("the next listener takes enrolled hosts only, and this one's CURVE key is not bound: %w", err)
	}
	return attempt()
}

// bindKey tells the next listener that the key is this host's, over a connection
// made with that very key.
func (r *relay) bindKey(ctx context.Context, f Forward, client *zmq.Client) error {
	key, err := r.curve.hex()
	if err != nil {
		return err
	}
	id, now := message.NewID(), time.Now()
	container, err := message.Container{Schema: curveKeySchema, MessageID: id, Version: "1.0", Content: json.RawMessage(`{"public":"` + key + `"}`)}.Encode()
	if err != nil {
		return err
	}
	frame, err := message.Seal(container, message.Header{Iat: now.Unix(), Exp: now.Add(time.Hour).Unix()}, r.pair)
	if err != nil {
		return err
	}
	return inTurn(f.Enrol, func(endpoint string) error {
		answer, err := client.Request(ctx, endpoint, frame)
		if err != nil {
			return err
		}
		receipt, err := provedReceipt(r.opener, "", true, answer, id)
		if err == nil && receipt.Status == message.Refused {
			err = fmt.Errorf("%s: refused: %s: %s", endpoint, receipt.Code, receipt.Reason)
		}
		return err
	})
}

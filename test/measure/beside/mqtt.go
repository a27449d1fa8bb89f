package main

import (
	"errors"
	"fmt"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// newMQTTClients makes a subscriber that is away, whom the broker keeps the
// messages for, and connections to publish over: without a subscriber a broker
// keeps nothing.
func newMQTTClients(endpoint string, n int) (c clients, err error) {
	away, err := connectMQTT(endpoint, "away", false)
	if err != nil {
		return c, err
	}
	if err := done(away.Subscribe(subject, 1, nil)); err != nil {
		return c, err
	}
	away.Disconnect(250)
	publishers := make([]mqtt.Client, 0, n)
	c.close = func() {
		for _, is := range publishers {
			is.Disconnect(0)
		}
	}
	for i := range n {
		is, err := connectMQTT(endpoint, fmt.Sprintf("client-%d", i), true)
		if err != nil {
			return c, err
		}
		publishers = append(publishers, is)
	}
	c.publish = func(client int, message []byte) error {
		return done(publishers[client].Publish(subject, 1, false, message))
	}
	return c, nil
}

func connectMQTT(endpoint, name string, clean bool) (mqtt.Client, error) {
	o := mqtt.NewClientOptions().AddBroker("tcp://" + endpoint).SetClientID(name).SetCleanSession(clean)
	o.SetConnectTimeout(patience).SetAutoReconnect(false).SetWriteTimeout(patience)
	c := mqtt.NewClient(o)
	return c, done(c.Connect())
}

// done waits until a step is acknowledged.
func done(t mqtt.Token) error {
	if !t.WaitTimeout(patience) {
		return errors.New("MQTT: no acknowledgement")
	}
	return t.Error()
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"time"

	"github.com/quic-go/quic-go"
	"golang.org/x/crypto/ssh"
)

// serve serves QUIC and SSH until one of them fails.
func serve(address string) error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	failed := make(chan error, 2)
	go func() { failed <- serveQUIC(address, public, private) }()
	go func() { failed <- serveSSH(address, private) }()
	return <-failed
}

func serveQUIC(address string, public ed25519.PublicKey, private ed25519.PrivateKey) error {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"svc.test"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		return err
	}
	l, err := quic.ListenAddr(net.JoinHostPort(address, "443"), &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}}, NextProtos: []string{"h"},
	}, nil)
	if err != nil {
		return err
	}
	for {
		if _, err := l.Accept(context.Background()); err != nil {
			return err
		}
	}
}

func serveSSH(address string, private ed25519.PrivateKey) error {
	key, err := ssh.NewSignerFromKey(private)
	if err != nil {
		return err
	}
	config := &ssh.ServerConfig{NoClientAuth: true}
	config.AddHostKey(key)
	l, err := net.Listen("tcp", net.JoinHostPort(address, "22"))
	if err != nil {
		return err
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go session(c, config)
	}
}

// session lets any command end well.
func session(c net.Conn, config *ssh.ServerConfig) {
	defer c.Close()
	_, channels, requests, err := ssh.NewServerConn(c, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for n := range channels {
		channel, requests, err := n.Accept()
		if err != nil {
			return
		}
		go func() {
			for r := range requests {
				r.Reply(r.Type == "exec", nil) //nolint:errcheck // the client is gone
				if r.Type == "exec" {
					channel.SendRequest("exit-status", false, []byte{0, 0, 0, 0}) //nolint:errcheck // likewise
					channel.Close()
				}
			}
		}()
	}
}

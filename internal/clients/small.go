// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// message is one PostgreSQL message.
func message(kind byte, body string) []byte {
	b := binary.BigEndian.AppendUint32([]byte{kind}, uint32(4+len(body)))
	return append(b, body...)
}

func servePostgreSQL(c net.Conn) {
	r := bufio.NewReader(c)
	for {
		head := make([]byte, 8)
		if _, err := io.ReadFull(r, head); err != nil {
			return
		}
		if code := binary.BigEndian.Uint32(head[4:]); code>>16 != 3 { // encryption is declined
			c.Write([]byte("N"))
			continue
		}
		r.Discard(int(binary.BigEndian.Uint32(head)) - 8)
		break
	}
	c.Write(bytes.Join([][]byte{message('R', "\x00\x00\x00\x00"), message('S', "server_version\x0015.0\x00"), message('S', "client_encoding\x00UTF8\x00"),
		message('S', "standard_conforming_strings\x00on\x00"), message('K', "\x00\x00\x00\x01\x00\x00\x00\x01"), message('Z', "I")}, nil))
	for {
		head := make([]byte, 5)
		if _, err := io.ReadFull(r, head); err != nil || head[0] == 'X' {
			return
		}
		r.Discard(int(binary.BigEndian.Uint32(head[1:])) - 4)
		if head[0] == 'Q' { // one row of one column
			c.Write(bytes.Join([][]byte{message('T', "\x00\x01c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x19\xff\xff\xff\xff\xff\xff\x00\x00"),
				message('D', "\x00\x01\x00\x00\x00\x06served"), message('C', "SELECT 1\x00"), message('Z', "I")}, nil))
		}
	}
}

// packet is one MySQL packet.
func packet(number byte, body string) []byte {
	return append([]byte{byte(len(body)), byte(len(body) >> 8), 0, number}, body...)
}

const mysqlOK = "\x00\x00\x00\x02\x00\x00\x00"

func serveMySQL(c net.Conn) {
	c.Write(packet(0, "\x0a8.0.0\x00\x01\x00\x00\x0012345678\x00\xff\xf7\x21\x02\x00\x08\x00\x15"+strings.Repeat("\x00", 10)+"123456789012\x00mysql_native_password\x00"))
	r := bufio.NewReader(c)
	for {
		head := make([]byte, 4)
		if _, err := io.ReadFull(r, head); err != nil {
			return
		}
		body := make([]byte, int(head[0])|int(head[1])<<8)
		if _, err := io.ReadFull(r, body); err != nil || len(body) == 1 && body[0] == 1 { // COM_QUIT
			return
		}
		c.Write(packet(head[3]+1, mysqlOK))
	}
}

func serveRedis(c net.Conn) {
	r := bufio.NewReader(c)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		var parts int
		if _, err := fmt.Sscanf(line, "*%d", &parts); err != nil {
			return
		}
		var words []string
		for range 2 * parts {
			if line, err = r.ReadString('\n'); err != nil {
				return
			}
			words = append(words, strings.TrimSpace(line))
		}
		switch strings.ToUpper(words[1]) {
		case "PING":
			c.Write([]byte("+PONG\r\n"))
		case "HELLO":
			c.Write([]byte("-ERR unknown command\r\n"))
		default:
			c.Write([]byte("+OK\r\n"))
		}
	}
}

func serveMQTT(c net.Conn) {
	r := bufio.NewReader(c)
	for {
		kind, err := r.ReadByte()
		if err != nil {
			return
		}
		n, err := r.ReadByte() // short packets only
		if err != nil {
			return
		}
		r.Discard(int(n))
		switch kind >> 4 {
		case 1:
			c.Write([]byte{0x20, 2, 0, 0})
		case 14:
			return
		}
	}
}

func serveLDAP(c net.Conn) {
	r := bufio.NewReader(c)
	for {
		head := make([]byte, 2)
		if _, err := io.ReadFull(r, head); err != nil || head[1] > 0x7f {
			return
		}
		body := make([]byte, head[1])
		if _, err := io.ReadFull(r, body); err != nil || len(body) < 5 {
			return
		}
		var kind byte
		switch body[3] {
		case 0x60: // bind
			kind = 0x61
		case 0x63: // search
			kind = 0x65
		default:
			return
		}
		c.Write([]byte{0x30, 12, 2, 1, body[2], kind, 7, 10, 1, 0, 4, 0, 4, 0})
	}
}

func serveSMTP(c net.Conn) {
	c.Write([]byte("220 svc.test ready\r\n"))
	lines := bufio.NewScanner(c)
	inData := false
	for lines.Scan() {
		word := strings.ToUpper(strings.SplitN(lines.Text(), " ", 2)[0])
		switch {
		case inData && lines.Text() != ".":
		case inData:
			inData = false
			c.Write([]byte("250 taken\r\n"))
		case word == "DATA":
			inData = true
			c.Write([]byte("354 go on\r\n"))
		case word == "QUIT":
			c.Write([]byte("221 bye\r\n"))
			return
		default:
			c.Write([]byte("250 ok\r\n"))
		}
	}
}

// resolve answers any query for an address with 192.0.2.1.
func resolve(query []byte) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	m.Header = dnsmessage.Header{ID: m.ID, Response: true, RecursionDesired: m.RecursionDesired, RecursionAvailable: true}
	m.Additionals = nil
	if q.Type == dnsmessage.TypeA {
		m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 1}, Body: &dnsmessage.AResource{A: [4]byte{192, 0, 2, 1}}}}
	}
	b, err := m.Pack()
	if err != nil {
		return nil
	}
	return b
}

func serveDNS(c net.PacketConn) {
	b := make([]byte, 4096)
	for {
		n, from, err := c.ReadFrom(b)
		if err != nil {
			return
		}
		if reply := resolve(b[:n]); reply != nil {
			c.WriteTo(reply, from)
		}
	}
}

func serveDNSStream(c net.Conn) {
	for {
		head := make([]byte, 2)
		if _, err := io.ReadFull(c, head); err != nil {
			return
		}
		b := make([]byte, binary.BigEndian.Uint16(head))
		if _, err := io.ReadFull(c, b); err != nil {
			return
		}
		reply := resolve(b)
		c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...))
	}
}

// smallStreams are the small servers of TCP, by the names of the large ones.
func smallStreams() map[string]func(net.Conn) {
	return map[string]func(net.Conn){
		"postgresql": servePostgreSQL,
		"mariadb":    serveMySQL,
		"redis":      serveRedis,
		"mosquitto":  serveMQTT,
		"slapd":      serveLDAP,
		"exim":       serveSMTP,
		"dnsmasq":    serveDNSStream,
	}
}

// Small returns a server that says just enough of the client's protocol, in this process. There is none for TLS, QUIC and SSH.
func Small(c Client) (Server, bool) {
	sv := Server{Name: c.Server, Version: []string{"small"}}
	serve := smallStreams()[c.Server]
	_, number, _ := strings.Cut(c.Port, "/")
	switch {
	case c.Server == "nginx" && number == "80":
		sv.start = func(ctx context.Context, st stage) error {
			l, err := st.node.Listen("tcp", ":80")
			if err != nil {
				return err
			}
			context.AfterFunc(ctx, func() { l.Close() })
			go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "served") })) //nolint:errcheck // the listener was closed
			return nil
		}
	case serve == nil:
		return Server{}, false
	default:
		sv.start = func(ctx context.Context, st stage) error {
			if number == "53" {
				if err := listenDNS(ctx, st); err != nil {
					return err
				}
			}
			l, err := st.node.Listen("tcp", ":"+number)
			if err != nil {
				return err
			}
			context.AfterFunc(ctx, func() { l.Close() })
			go accept(l, serve)
			return nil
		}
	}
	return sv, true
}

// listenDNS listens at each address, so that answers come from there.
func listenDNS(ctx context.Context, st stage) error {
	for _, a := range st.at {
		p, err := st.node.ListenPacket("udp", net.JoinHostPort(a, "53"))
		if err != nil {
			return err
		}
		context.AfterFunc(ctx, func() { p.Close() })
		go serveDNS(p)
	}
	return nil
}

// accept serves each connection of a listener until that is closed.
func accept(l net.Listener, serve func(net.Conn)) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			c.SetDeadline(time.Now().Add(2 * limit)) //nolint:errcheck // a TCP connection has deadlines
			serve(c)
		}()
	}
}

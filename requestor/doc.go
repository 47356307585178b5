// SPDX-License-Identifier: Apache-2.0

// Package requestor is the client's half of the promise: a dialer that knows
// several addresses of one service and moves to the next as soon as one answers
// with an error.
//
// Regent sees to it that an address never falls silent: when its owner is gone,
// another node inherits the address and answers, if not with the service then
// with an error. A reset that answers the first packet costs a client less
// than a millisecond, a timeout costs it seconds. What the client has to do is to know a
// second address, and to try it.
//
//	d := &requestor.Dialer{Addresses: []string{"10.0.0.101:5432", "10.0.0.102:5432"}}
//	conn, err := d.DialContext(ctx, "tcp", "orders:5432")
//
// [Dialer.DialContext] has the signature of net.Dialer.DialContext and goes
// wherever that goes:
//
//	&http.Transport{DialContext: d.DialContext}                       // net/http
//	config.DialFunc = d.DialContext                                   // pgx, for database/sql too
//	mysql.RegisterDialContext("tcp", func(ctx context.Context, address string) (net.Conn, error) {
//		return d.DialContext(ctx, "tcp", address)                 // go-sql-driver/mysql
//	})
//	redis.Options{Dialer: d.DialContext}                              // go-redis
//	grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
//		return d.DialContext(ctx, "tcp", address)                 // grpc, "passthrough:///orders:5432"
//	})
//
// TLS is not affected: the name to verify stays the one that the client asked for.
//
// # What counts as an answer
//
// A connection is an answer. Every error moves on at once: refused (a reset, a
// port-unreachable), unreachable, anything else. Silence moves on after
// [Dialer.Timeout]; with [Dialer.Stagger] the next address is tried beside a
// slow one before that. If nothing answers, the [Error] names every address
// with its [Outcome].
//
// The dialer remembers which address answered and starts there next time. When
// that one fails, the others are tried in their listed order. [Dialer.ReturnAfter]
// goes back to the first address after a time.
//
// A service that accepts a connection and fails afterwards has answered as far
// as a dialer can see. Tell it by [Dialer.Avoid]; the next dial then tries the others first.
//
// # Datagrams
//
// Connecting a UDP socket asks nobody anything, so it cannot fail over.
// [Dialer.Exchange] sends a request and waits for the reply, on a connected
// socket, which is the only kind that is told of ICMP errors:
//
//	reply, err := d.Exchange(ctx, "orders:53", request)
//
// Kernels limit the rate of the ICMP errors they send (Linux: about one a second for each
// destination after a burst of six), so under load some datagrams meet
// silence; the time limit covers those.
package requestor

// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"slices"
	"strings"
	"testing"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/responder/answer"
)

// Every answer that a file may name can be given.
func TestEveryConfiguredAnswerHasWords(t *testing.T) {
	t.Parallel()
	kinds := append([]conf.AnswerKind{conf.AnswerPostgreSQL, conf.AnswerMySQL, conf.AnswerHTTP, conf.AnswerDNS, conf.AnswerSMTP,
		conf.AnswerMQTT, conf.AnswerTNS, conf.AnswerQUIC, conf.AnswerSIP, conf.AnswerCQL}, conf.Presets...)
	for _, k := range kinds {
		stream, datagram, err := words(conf.Answer{Kind: k})
		if err != nil || stream == nil && datagram == nil {
			t.Errorf("%s: %v, %v, %v", k, stream, datagram, err)
		}
	}
	stream, datagram, err := words(conf.Answer{Kind: conf.AnswerLiteral, Steps: []conf.Step{{Send: []byte("x")}}})
	if stream == nil || datagram == nil || err != nil {
		t.Errorf("literal: %v, %v, %v", stream, datagram, err)
	}
	var names []string
	for _, k := range conf.Presets {
		names = append(names, string(k))
	}
	slices.Sort(names)
	if got := strings.Join(answer.Presets(), " "); got != strings.Join(names, " ") {
		t.Errorf("presets: a file may name %v, there are %s", names, got)
	}
}

func TestAnswerThatCannotBeGivenIsAnError(t *testing.T) {
	t.Parallel()
	for _, a := range []conf.Answer{{Kind: "gopher"}, {Kind: conf.AnswerLiteral, Steps: []conf.Step{{Send: []byte("{{.Secret}}"), Template: true}}}} {
		if _, _, err := words(a); err == nil {
			t.Errorf("%+v was accepted", a)
		}
	}
	if stream, datagram, err := words(conf.Answer{Kind: conf.AnswerReset}); stream != nil || datagram != nil || err != nil {
		t.Errorf("reset: %v, %v, %v", stream, datagram, err)
	}
}

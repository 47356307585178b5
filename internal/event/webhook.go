// SPDX-License-Identifier: Apache-2.0

package event

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

const (
	responseLimit = 4 << 10  // of an answer's body that is read: it is not looked at
	headerLimit   = 64 << 10 // of its headers
	redirectLimit = 3
)

// webhook posts each alert to a URL.
type webhook struct {
	url    *url.URL
	client *http.Client
}

func newWebhook(address string, roots *x509.CertPool) (*webhook, error) {
	u, err := url.Parse(address)
	if err != nil { // its words would repeat the address, which may hold a secret
		return nil, errors.New("webhook: not a URL")
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("webhook: write an http or https URL with a host")
	}
	// A fresh connection each time: alerts are rare, and a kept one may have died unseen.
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		DisableKeepAlives: true, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: headerLimit,
	}
	return &webhook{u, &http.Client{Transport: transport, CheckRedirect: sameHost}}, nil
}

// sameHost follows a redirect that keeps the method (307, 308), the host and its protection.
func sameHost(req *http.Request, via []*http.Request) error {
	if status := req.Response.StatusCode; status != http.StatusTemporaryRedirect && status != http.StatusPermanentRedirect {
		return http.ErrUseLastResponse // the request would lose its document
	}
	from, to := via[0].URL, req.URL
	upgraded := from.Scheme == "http" && to.Scheme == "https" && strings.EqualFold(from.Hostname(), to.Hostname())
	if !upgraded && (from.Scheme != to.Scheme || !strings.EqualFold(from.Host, to.Host)) {
		return final{errors.New("redirected to another host, which is not followed: write its address in the file")}
	}
	if len(via) > redirectLimit {
		return final{fmt.Errorf("redirected more than %d times", redirectLimit)}
	}
	return nil
}

// name leaves the path out: it may hold a secret.
func (w *webhook) name() string { return "webhook " + line(w.url.Host, 255) }

func (w *webhook) send(ctx context.Context, a *Alert) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url.String(), bytes.NewReader(a.document()))
	if err != nil {
		return final{errors.New("the URL cannot be requested")}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "regent")
	resp, err := w.client.Do(req)
	if err != nil {
		return w.hide(err)
	}
	defer resp.Body.Close()                                       //nolint:errcheck // only read from
	io.Copy(io.Discard, io.LimitReader(resp.Body, responseLimit)) //nolint:errcheck // the status has been heard
	switch status := resp.StatusCode; {
	case status >= 200 && status <= 299:
		return nil
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests, status >= 500:
		return answered(status)
	default:
		return final{answered(status)}
	}
}

func answered(status int) error {
	return fmt.Errorf("the answer was %d %s", status, http.StatusText(status))
}

// hide takes the URL out of an error.
func (w *webhook) hide(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var secrets []string
	if w.url.Path != "/" {
		secrets = append(secrets, w.url.RequestURI(), w.url.Path)
	}
	if w.url.RawQuery != "" {
		secrets = append(secrets, w.url.RawQuery)
	}
	if password, ok := w.url.User.Password(); ok {
		secrets = append(secrets, password)
	}
	return scrub(err, secrets...)
}

// scrub takes secrets out of the words of an error.
func scrub(err error, secrets ...string) error {
	words := err.Error()
	for _, s := range secrets {
		if s != "" {
			words = strings.ReplaceAll(words, s, "…")
		}
	}
	if words == err.Error() {
		return err
	}
	if f := (final{}); errors.As(err, &f) {
		return final{errors.New(words)}
	}
	return errors.New(words)
}

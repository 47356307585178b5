// SPDX-License-Identifier: Apache-2.0

package event

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func hook(t *testing.T, url string, roots *x509.CertPool) *webhook {
	t.Helper()
	w, err := newWebhook(url, roots)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestWebhookPostsTheDocument(t *testing.T) {
	t.Parallel()
	var got Alert
	var request *http.Request
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		request = r
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	defer srv.Close()
	if err := hook(t, strings.Replace(srv.URL, "://", "://me:s3cret@", 1)+"/x?y=z", nil).send(t.Context(), anAlert()); err != nil {
		t.Fatal(err)
	}
	srv.Close()
	want := anAlert()
	want.Fields = map[string]any{"demand": 40.0, "candidates": []any{"db2", "db3"}, "reason": "db2 has 10 of 40 left"}
	if diff := cmp.Diff(*want, got); diff != "" {
		t.Errorf("document (-want +got):\n%s", diff)
	}
	if user, password, _ := request.BasicAuth(); user != "me" || password != "s3cret" {
		t.Error("the user of the URL is not sent")
	}
	if request.Method != http.MethodPost || request.URL.String() != "/x?y=z" || request.Header.Get("Content-Type") != "application/json" {
		t.Errorf("request %s %s %v", request.Method, request.URL, request.Header)
	}
}

func TestWebhookTellsWhatIsWorthAnotherAttempt(t *testing.T) {
	t.Parallel()
	for status, again := range map[int]bool{
		200: false, 204: false, 302: false, 400: false, 401: false, 404: false, 408: true, 410: false, 425: true, 429: true, 500: true, 503: true,
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
		}))
		err := hook(t, srv.URL, nil).send(t.Context(), anAlert())
		srv.Close()
		if status < 300 {
			if err != nil {
				t.Errorf("%d: %v", status, err)
			}
			continue
		}
		if err == nil {
			t.Errorf("%d counts as delivered", status)
			continue
		}
		var f final
		if errors.As(err, &f) == again || !strings.Contains(err.Error(), fmt.Sprint(status)) {
			t.Errorf("%d: %v, final %t", status, err, !again)
		}
	}
}

func TestWebhookVerifiesTheServer(t *testing.T) {
	t.Parallel()
	var heard atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { heard.Add(1) }))
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	srv.StartTLS()
	defer srv.Close()
	if err := hook(t, srv.URL, nil).send(t.Context(), anAlert()); err == nil || heard.Load() != 0 {
		t.Errorf("a certificate of nobody: error %v, %d alerts arrived", err, heard.Load())
	}
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	if err := hook(t, srv.URL, roots).send(t.Context(), anAlert()); err != nil || heard.Load() != 1 {
		t.Errorf("a known certificate: error %v, %d alerts arrived", err, heard.Load())
	}
}

func TestWebhookIsNotLedToAnotherHost(t *testing.T) {
	t.Parallel()
	var strayed atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strayed.Add(1) }))
	defer other.Close()
	var bodies []string
	mux := http.NewServeMux()
	for path, to := range map[string]string{"/away": other.URL, "/other-port": other.URL + "/x", "/loop": "/loop", "/moved": "/here"} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusPermanentRedirect) })
	}
	mux.HandleFunc("/see-other", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/here", http.StatusSeeOther) })
	mux.HandleFunc("/here", func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		bodies = append(bodies, r.Method+" "+string(b))
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()
	for path, want := range map[string]string{
		"/away": "another host", "/other-port": "another host", "/loop": "more than 3 times", "/see-other": "303", "/moved": "",
	} {
		err := hook(t, srv.URL+path, nil).send(t.Context(), anAlert())
		var f final
		if want == "" && err != nil || want != "" && (!errors.As(err, &f) || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	srv.Close()
	if strayed.Load() != 0 {
		t.Error("an alert went to another host")
	}
	if diff := cmp.Diff([]string{"POST " + string(anAlert().document())}, bodies); diff != "" {
		t.Errorf("after a redirect (-want +got):\n%s", diff)
	}
}

func TestWebhookDoesNotListenForEver(t *testing.T) {
	t.Parallel()
	t.Run("endless body", func(t *testing.T) {
		t.Parallel()
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 4096)); err != nil {
					return
				}
			}
		}))
		defer srv.Close()
		if err := hook(t, srv.URL, nil).send(t.Context(), anAlert()); err != nil {
			t.Error(err)
		}
	})
	t.Run("endless header", func(t *testing.T) {
		t.Parallel()
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 2*headerLimit))
		}))
		defer srv.Close()
		if err := hook(t, srv.URL, nil).send(t.Context(), anAlert()); err == nil {
			t.Error("accepted")
		}
	})
	t.Run("silence", func(t *testing.T) {
		t.Parallel()
		release := make(chan struct{})
		srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
		defer srv.Close()
		defer close(release)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		start := time.Now()
		if err := hook(t, srv.URL, nil).send(ctx, anAlert()); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 5*time.Second {
			t.Errorf("error %v after %s", err, time.Since(start))
		}
	})
}

func TestWebhookKeepsItsURLToItself(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "http://["+r.URL.RequestURI())
		w.WriteHeader(http.StatusTemporaryRedirect)
	}))
	defer echo.Close()
	for _, base := range []string{gone.URL, echo.URL} {
		log := newBook(slog.LevelInfo)
		p := usualPace()
		p.pauses = nil
		s, err := newSinks(log, SinkConfig{Webhook: strings.Replace(base, "://", "://me:s3cret@", 1) + "/s3cret?token=s3cret"}, p)
		if err != nil {
			t.Fatal(err)
		}
		raise(slog.New(s), "a")
		s.Close()
		lost := log.losses(t)
		if len(lost) != 1 {
			t.Fatalf("%s: losses %+v", base, lost)
		}
		if strings.Contains(fmt.Sprint(lost), "s3cret") || !strings.HasPrefix(lost[0].Fields["sink"], "webhook ") {
			t.Errorf("the log holds %+v", lost)
		}
	}
}

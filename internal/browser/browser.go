// SPDX-License-Identifier: Apache-2.0

// Package browser drives a headless Chromium, for tests of pages: it opens one, asks it questions in JavaScript, and takes its picture.
//
//	cmd := exec.Command("chromium", browser.Arguments(browser.Profile(t))...)
//	b, err := browser.Start(cmd, cmd)
//	err = b.Open("http://127.0.0.1:9166/")
//	err = b.Ask("document.querySelectorAll('.service').length", &n)
//
// It speaks the DevTools protocol over two pipes, so that it works in a network namespace and listens nowhere.
package browser

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// patience bounds each question.
const patience = 30 * time.Second

// Arguments are those that a command for [Start] needs. The directory holds the profile.
func Arguments(dir string) []string {
	return []string{"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--hide-scrollbars", "--remote-debugging-pipe", "--user-data-dir=" + dir, "about:blank"}
}

// Browser is a Chromium with one page.
type Browser struct {
	process Process
	to      io.WriteCloser
	session string

	mu      sync.Mutex
	last    int
	waiting map[int]chan reply
	err     error // why it does not answer any more
}

type reply struct {
	ID     int             `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// Process is a command, or what a command is in.
type Process interface {
	Start() error
	Wait() error
}

// Profile makes a directory for a browser's files. A browser that has ended may write for a moment more.
func Profile(t testing.TB) string {
	dir, err := os.MkdirTemp("", "browser")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for start := time.Now(); os.RemoveAll(dir) != nil && time.Since(start) < 10*time.Second; {
			time.Sleep(50 * time.Millisecond)
		}
	})
	return dir
}

// Start starts the process of a command, which gets the pipes as its descriptors 3 and 4, and opens an empty page.
func Start(cmd *exec.Cmd, p Process) (*Browser, error) {
	theirIn, ourOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	ourIn, theirOut, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, theirIn.Close(), ourOut.Close())
	}
	cmd.ExtraFiles = []*os.File{theirIn, theirOut}
	err = p.Start()
	err = errors.Join(err, theirIn.Close(), theirOut.Close())
	if err != nil {
		return nil, errors.Join(err, ourIn.Close(), ourOut.Close())
	}
	b := &Browser{process: p, to: ourOut, waiting: map[int]chan reply{}}
	go b.read(ourIn)
	var target struct{ TargetID string }
	if err := b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target); err != nil {
		return nil, err
	}
	var attached struct{ SessionID string }
	if err := b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached); err != nil {
		return nil, err
	}
	b.session = attached.SessionID
	return b, b.call("Page.enable", nil, nil)
}

// read hands out answers until the pipe ends.
func (b *Browser) read(from io.ReadCloser) {
	defer from.Close() //nolint:errcheck // nothing was written
	r := bufio.NewReaderSize(from, 1<<20)
	for {
		frame, err := r.ReadBytes(0)
		var one reply
		if err == nil {
			err = json.Unmarshal(frame[:len(frame)-1], &one)
		}
		b.mu.Lock()
		if err != nil {
			b.err = fmt.Errorf("the browser is gone: %w", err)
			for _, w := range b.waiting {
				close(w)
			}
			b.mu.Unlock()
			return
		}
		if w := b.waiting[one.ID]; w != nil { // else an event
			delete(b.waiting, one.ID)
			w <- one
		}
		b.mu.Unlock()
	}
}

// call asks for a method and reads its result.
func (b *Browser) call(method string, parameters map[string]any, result any) error {
	answer := make(chan reply, 1)
	b.mu.Lock()
	if b.err != nil {
		defer b.mu.Unlock()
		return b.err
	}
	b.last++
	id := b.last
	b.waiting[id] = answer
	b.mu.Unlock()
	if parameters == nil {
		parameters = map[string]any{}
	}
	message := map[string]any{"id": id, "method": method, "params": parameters}
	if b.session != "" {
		message["sessionId"] = b.session
	}
	frame, err := json.Marshal(message)
	if err != nil {
		return err
	}
	if _, err := b.to.Write(append(frame, 0)); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case one, ok := <-answer:
		switch {
		case !ok:
			return fmt.Errorf("%s: %w", method, b.err)
		case one.Error != nil:
			return fmt.Errorf("%s: %s", method, one.Error.Message)
		case result == nil:
			return nil
		}
		return json.Unmarshal(one.Result, result)
	case <-timer.C:
		return fmt.Errorf("%s: no answer within %s", method, patience)
	}
}

// Open goes to an address and waits until the page is there.
func (b *Browser) Open(address string) error {
	var to struct{ ErrorText string }
	if err := b.call("Page.navigate", map[string]any{"url": address}, &to); err != nil {
		return err
	}
	if to.ErrorText != "" {
		return fmt.Errorf("open %s: %s", address, to.ErrorText)
	}
	for start := time.Now(); time.Since(start) < patience; time.Sleep(20 * time.Millisecond) {
		var state string
		if err := b.Ask("location.href == 'about:blank' ? '' : document.readyState", &state); err != nil {
			return err
		}
		if state != "" && state != "loading" {
			return nil
		}
	}
	return fmt.Errorf("open %s: not there within %s", address, patience)
}

// Ask evaluates an expression on the page, whose value becomes that of the result; nil: nobody wants it.
func (b *Browser) Ask(expression string, result any) error {
	var got struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	if err := b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &got); err != nil {
		return err
	}
	if e := got.ExceptionDetails; e != nil {
		return fmt.Errorf("%s: %s %s", expression, e.Text, e.Exception.Description)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(got.Result.Value, result); err != nil {
		return fmt.Errorf("%s: %w", expression, err)
	}
	return nil
}

// Size makes the page as large as a screen, in its own pixels; mobile is that of a phone.
func (b *Browser) Size(width, height int, mobile bool) error {
	scale := 1
	if mobile {
		scale = 2
	}
	return b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": scale, "mobile": mobile}, nil)
}

// Scripts turns JavaScript on pages that are opened from now on, and what [Browser.Ask] needs, on or off.
func (b *Browser) Scripts(on bool) error {
	return b.call("Emulation.setScriptExecutionDisabled", map[string]any{"value": !on}, nil)
}

// Text is the text of the page, also where scripts are off.
func (b *Browser) Text() (string, error) {
	var tree struct {
		Strings []string
	}
	if err := b.call("DOMSnapshot.captureSnapshot", map[string]any{"computedStyles": []string{}}, &tree); err != nil {
		return "", err
	}
	text := ""
	for _, s := range tree.Strings {
		text += s + "\n"
	}
	return text, nil
}

// Picture is the page as it is seen, in PNG.
func (b *Browser) Picture() ([]byte, error) {
	var got struct{ Data string }
	if err := b.call("Page.captureScreenshot", map[string]any{"format": "png"}, &got); err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(got.Data)
}

// Close ends the browser.
func (b *Browser) Close() error {
	b.session = ""
	err := b.call("Browser.close", nil, nil)
	return errors.Join(err, b.to.Close(), b.process.Wait())
}

// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"time"

	"github.com/regent-ha/regent/conf"
)

// dump writes a configuration as lines "Instances[0].Priority = 100 @3:5", without what is zero and not set.
func dump(c *Config) string {
	var b strings.Builder
	dumpValue(&b, "", reflect.ValueOf(*c))
	return b.String()
}

func dumpValue(b *strings.Builder, path string, v reflect.Value) {
	switch x := v.Interface().(type) {
	case Place:
		if x.IsSet() && strings.HasSuffix(path, ".At") {
			fmt.Fprintf(b, "%s = %d:%d\n", path, x.Line, x.Column)
		}
		return
	case netip.Addr, netip.Prefix, time.Duration, State, conf.Password:
		if !v.IsZero() {
			fmt.Fprintf(b, "%s = %v\n", path, x)
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		if at, ok := v.Type().FieldByName("At"); ok && v.NumField() == 2 && v.Type().Field(0).Name == "V" {
			place := v.FieldByIndex(at.Index).Interface().(Place)
			inner := v.Field(0)
			if inner.IsZero() && !place.IsSet() {
				return
			}
			where := ""
			if place.IsSet() {
				where = fmt.Sprintf(" @%d:%d", place.Line, place.Column)
			}
			fmt.Fprintf(b, "%s = %v%s\n", path, printable(inner), where)
			return
		}
		for i := range v.NumField() {
			dumpValue(b, strings.TrimPrefix(path+"."+v.Type().Field(i).Name, "."), v.Field(i))
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.String {
			if v.Len() > 0 {
				fmt.Fprintf(b, "%s = %q\n", path, v.Interface())
			}
			return
		}
		for i := range v.Len() {
			dumpValue(b, fmt.Sprintf("%s[%d]", path, i), v.Index(i))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			dumpValue(b, path, v.Elem())
		}
	default:
		if !v.IsZero() {
			fmt.Fprintf(b, "%s = %v\n", path, printable(v))
		}
	}
}

// printable quotes strings and what is made of them.
func printable(v reflect.Value) any {
	switch x := v.Interface().(type) {
	case string:
		return fmt.Sprintf("%q", x)
	case []string:
		return fmt.Sprintf("%q", x)
	case Command:
		out := fmt.Sprintf("%q", x.Args)
		if x.User.Name != "" {
			out += " as " + strings.Trim(x.User.Name+":"+x.User.Group, ":")
		}
		return out
	case Weight:
		if x.Reverse {
			return fmt.Sprintf("%d reverse", x.N)
		}
		return x.N
	}
	return v.Interface()
}

// SPDX-License-Identifier: Apache-2.0

package conf

import "time"

// mostDelay is the longest delay of an interface.
const mostDelay = 255 * time.Second

// resolveInterfaces resolves each [[interface]].
func resolveInterfaces(raw *rawConfig, cfg *Config) {
	for i := range raw.Interfaces.V {
		t := &raw.Interfaces.V[i]
		if !t.Set {
			continue
		}
		s, v := t.scope, &t.V
		if v.Name.absent() {
			s.errorf(s.off, "name is missing: write the interface that the delays are for")
		}
		name := interfaceName(s, "name", v.Name)
		d := InterfaceDelay{Down: span(s, "down_delay", v.DownDelay, 0, 0, mostDelay)}
		d.Up = span(s, "up_delay", v.UpDelay, d.Down, 0, mostDelay)
		if _, again := cfg.Interfaces[name]; again && name != "" {
			s.errorf(v.Name.off, "interface %s has its delays already: keep one", name)
		}
		for j := range cfg.Services {
			o := &cfg.Services[j]
			if limit := time.Duration(max(1, o.Election.DownTimerAdverts-1)) * o.AdvertInterval; o.Interface == name && d.Down >= limit && d.Down > 0 {
				s.warnf(v.DownDelay.off, "down_delay %v of %s: peers take service %q over after about %v of silence: choose less", d.Down, name, o.Name, limit)
			}
		}
		if cfg.Interfaces == nil {
			cfg.Interfaces = map[string]InterfaceDelay{}
		}
		cfg.Interfaces[name] = d
	}
}

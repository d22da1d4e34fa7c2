package vocabulary

import "github.com/gpuline/gpuline/plugins/sdk"

// The tables' fields are made by these, so that a row says in a word what it is.

func gauge(name string, unit sdk.Unit) sdk.Field {
	return sdk.Field{Name: name, Unit: unit, Type: typeOf(unit), Kind: sdk.Gauge}
}

func counter(name string, unit sdk.Unit) sdk.Field {
	return sdk.Field{Name: name, Unit: unit, Type: typeOf(unit), Kind: sdk.Counter}
}

// code is a number that names something, or a setting: a mean of it says nothing.
func code(name string, unit sdk.Unit) sdk.Field {
	return sdk.Field{Name: name, Unit: unit, Type: typeOf(unit), Kind: sdk.Info}
}

func text(name string) sdk.Field {
	return sdk.Field{Name: name, Type: sdk.String, Kind: sdk.Info}
}

// typeOf keeps one type per unit for ever. Nothing is a Uint: InfluxDB 1 has no such type.
func typeOf(unit sdk.Unit) sdk.Type {
	switch unit {
	case "ratio", "watts", "joules", "celsius", "seconds":
		return sdk.Float
	}
	return sdk.Int
}

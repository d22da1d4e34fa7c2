package conf

import "regexp"

// syntaxRemedy helps with what the TOML library says about the commonest slips.
func syntaxRemedy(said string) string {
	for _, s := range slips {
		if pattern := regexp.MustCompile(s.said); pattern.MatchString(said) {
			return pattern.ReplaceAllString(pattern.FindString(said), s.remedy)
		}
	}
	return ""
}

const inQuotes = "a string, a duration or a size stands in quotes"

// slips are patterns that are compiled once there is a slip: most agents start without one.
var slips = []struct{ said, remedy string }{
	{`cannot be used as an array$`, "a table in double brackets stands above the tables nested in it"},
	{`^Key '((inputs|processors|outputs)\.\w+)' has already been defined$`, "it is one of several: write it in double brackets, [[${1}]]"},
	{`^Key .*\.(inputs|processors|outputs)\.\w+' has already been defined$`, "it is one of several: write it in double brackets"},
	{`^Key .* has already been defined$`, "give it once"},
	{`^expected value but found .*[“”„‘’].*$`, `the quotes of a string are plain ones, " or '`},
	{`(?i)^expected value but found "(true|false|yes|no|on|off)" instead$`, "write true or false"},
	{`^expected (value|'\.' or '='|value but found|'\.' or '=', but got) '\\n' instead$`, "write KEY = VALUE"},
	{`^expected '\.' or '=', but got .*$`, "write KEY = VALUE"},
	{`^unexpected EOF; expected key separator '='$`, "write KEY = VALUE"},
	{`^expected end of table array name delimiter .*$`, "a heading that begins with [[ ends with ]]"},
	{`^expected '\.' or '\]' to end table name, .*$`, "write the heading as [[NAME.NAME]] or [NAME.NAME]"},
	{`array terminator \('\]'\), .*$`, "a list ends with ], and has commas between its elements; " + inQuotes},
	{`inline table terminator '\}', .*$`, "a table on one line ends with }, and has commas between its keys; " + inQuotes},
	{`^strings cannot contain newlines$`, "a string ends on its line, with the quote that it begins with"},
	{`^invalid UTF-8 byte.*$`, "save the file as UTF-8"},
	{`control characters: '0x0d'$`, `a line ends with \n, or with \r\n`},
	{`^(invalid escape|expected \S+ hexadecimal digits) .*$`, `write \\ for a plain \, or take single quotes`},
	{`cannot have leading zeroes$`, "a mode, or another string of digits, stands in quotes"},
	{`^expected (a top-level item to end|a comma|value but found) .*$`, inQuotes},
}

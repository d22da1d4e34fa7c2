package conf

import "regexp"

// syntaxRemedy helps with what the TOML library says about the commonest slips.
func syntaxRemedy(said string) string {
	for _, s := range slips {
		if s.said.MatchString(said) {
			return s.said.ReplaceAllString(s.said.FindString(said), s.remedy)
		}
	}
	return ""
}

const inQuotes = "a string, a duration or a size stands in quotes"

var slips = []struct {
	said   *regexp.Regexp
	remedy string
}{
	{regexp.MustCompile(`cannot be used as an array$`), "a table in double brackets stands above the tables nested in it"},
	{regexp.MustCompile(`^Key '((inputs|processors|outputs)\.\w+)' has already been defined$`), "it is one of several: write it in double brackets, [[${1}]]"},
	{regexp.MustCompile(`^Key .*\.(inputs|processors|outputs)\.\w+' has already been defined$`), "it is one of several: write it in double brackets"},
	{regexp.MustCompile(`^Key .* has already been defined$`), "give it once"},
	{regexp.MustCompile(`^expected value but found .*[“”„‘’].*$`), `the quotes of a string are plain ones, " or '`},
	{regexp.MustCompile(`(?i)^expected value but found "(true|false|yes|no|on|off)" instead$`), "write true or false"},
	{regexp.MustCompile(`^expected (value|'\.' or '='|value but found|'\.' or '=', but got) '\\n' instead$`), "write KEY = VALUE"},
	{regexp.MustCompile(`^expected '\.' or '=', but got .*$`), "write KEY = VALUE"},
	{regexp.MustCompile(`^unexpected EOF; expected key separator '='$`), "write KEY = VALUE"},
	{regexp.MustCompile(`^expected end of table array name delimiter .*$`), "a heading that begins with [[ ends with ]]"},
	{regexp.MustCompile(`^expected '\.' or '\]' to end table name, .*$`), "write the heading as [[NAME.NAME]] or [NAME.NAME]"},
	{regexp.MustCompile(`array terminator \('\]'\), .*$`), "a list ends with ], and has commas between its elements; " + inQuotes},
	{regexp.MustCompile(`inline table terminator '\}', .*$`), "a table on one line ends with }, and has commas between its keys; " + inQuotes},
	{regexp.MustCompile(`^strings cannot contain newlines$`), "a string ends on its line, with the quote that it begins with"},
	{regexp.MustCompile(`^invalid UTF-8 byte.*$`), "save the file as UTF-8"},
	{regexp.MustCompile(`control characters: '0x0d'$`), `a line ends with \n, or with \r\n`},
	{regexp.MustCompile(`^(invalid escape|expected \S+ hexadecimal digits) .*$`), `write \\ for a plain \, or take single quotes`},
	{regexp.MustCompile(`cannot have leading zeroes$`), "a mode, or another string of digits, stands in quotes"},
	{regexp.MustCompile(`^expected (a top-level item to end|a comma|value but found) .*$`), inQuotes},
}

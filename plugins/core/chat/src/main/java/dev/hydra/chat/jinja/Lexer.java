package dev.hydra.chat.jinja;

import dev.hydra.chat.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Cuts a template into tokens, and white space away as its tags say. */
final class Lexer {
  private static final Pattern RAW =
      Pattern.compile(
          "\\{%([-+]?)\\s*raw\\s*([-+]?)%\\}(.*?)\\{%([-+]?)\\s*endraw\\s*([-+]?)%\\}",
          Pattern.DOTALL);
  private static final Pattern TOKEN =
      Pattern.compile(
          "(?<space>\\s+)"
              + "|(?<float>\\d[\\d_]*(?:\\.\\d[\\d_]*(?:[eE][+-]?\\d+)?|[eE][+-]?\\d+))"
              + "|(?<integer>\\d[\\d_]*)"
              + "|(?<name>[\\p{L}_][\\p{L}\\p{N}_]*)"
              + "|(?<string>'(?:[^'\\\\]|\\\\.)*'|\"(?:[^\"\\\\]|\\\\.)*\")"
              + "|(?<operator>//|\\*\\*|==|!=|<=|>=|[-+*/%~|=<>.,:()\\[\\]{}])",
          Pattern.DOTALL);

  private final String source;
  private final List<Token> tokens = new ArrayList<>();
  private int position;
  private int line = 1;

  /** What the tag before a text does to the start of that text. */
  private enum Trim {
    NOTHING,
    NEWLINE,
    ALL
  }

  private Lexer(String source) {
    this.source = source;
  }

  static List<Token> tokens(String template) {
    String unix = template.replace("\r\n", "\n").replace('\r', '\n');
    // A single line break at the end belongs to the file, not to the text.
    Lexer lexer = new Lexer(unix.endsWith("\n") ? unix.substring(0, unix.length() - 1) : unix);
    lexer.run();
    return lexer.tokens;
  }

  private void run() {
    Trim trim = Trim.NOTHING;
    while (position < source.length()) {
      int tag = nextTag(position);
      text(position, tag, trim, tag == source.length() ? ' ' : mark(tag), kind(tag));
      if (tag == source.length()) {
        break;
      }
      trim = tag(tag);
    }
    tokens.add(new Token(Kind.END, "", line));
  }

  private int nextTag(int from) {
    for (int i = from; i + 1 < source.length(); i++) {
      if (source.charAt(i) == '{' && "{%#".indexOf(source.charAt(i + 1)) >= 0) {
        return i;
      }
    }
    return source.length();
  }

  private char kind(int tag) {
    return tag == source.length() ? ' ' : source.charAt(tag + 1);
  }

  private char mark(int tag) {
    char c = tag + 2 < source.length() ? source.charAt(tag + 2) : ' ';
    return c == '-' || c == '+' ? c : ' ';
  }

  private void text(int from, int to, Trim before, char mark, char kind) {
    int start = from;
    int end = to;
    if (before == Trim.ALL) {
      while (start < end && Character.isWhitespace(source.charAt(start))) {
        start++;
      }
    } else if (before == Trim.NEWLINE && start < end && source.charAt(start) == '\n') {
      start++;
    }
    if (mark == '-') {
      while (end > start && Character.isWhitespace(source.charAt(end - 1))) {
        end--;
      }
    } else if (mark == ' ' && (kind == '%' || kind == '#')) {
      int indent = end;
      while (indent > start && " \t".indexOf(source.charAt(indent - 1)) >= 0) {
        indent--;
      }
      if (indent == 0 || source.charAt(indent - 1) == '\n') {
        end = indent;
      }
    }
    if (start < end) {
      tokens.add(new Token(Kind.TEXT, source.substring(start, end), line));
    }
    count(from, to);
  }

  private void count(int from, int to) {
    for (int i = from; i < to; i++) {
      if (source.charAt(i) == '\n') {
        line++;
      }
    }
  }

  /** Reads a tag and returns what it does to the text after it. */
  private Trim tag(int start) {
    char kind = source.charAt(start + 1);
    if (kind == '#') {
      int end = source.indexOf("#}", start + 2);
      if (end < 0) {
        throw JinjaException.at(line, "a comment is not closed by #}");
      }
      count(start, end);
      position = end + 2;
      return source.charAt(end - 1) == '-' ? Trim.ALL : newline(source.charAt(end - 1));
    }
    Matcher raw = RAW.matcher(source).region(start, source.length());
    if (kind == '%' && raw.lookingAt()) {
      return raw(raw);
    }
    boolean block = kind == '%';
    tokens.add(new Token(block ? Kind.BLOCK_BEGIN : Kind.PRINT_BEGIN, "", line));
    position = start + 2 + (mark(start) == ' ' ? 0 : 1);
    return code(block);
  }

  private Trim raw(Matcher raw) {
    String text = raw.group(3);
    if ("-".equals(raw.group(2))) {
      text = text.stripLeading();
    } else if (text.startsWith("\n") && raw.group(2).isEmpty()) {
      text = text.substring(1);
    }
    tokens.add(new Token(Kind.TEXT, "-".equals(raw.group(4)) ? text.stripTrailing() : text, line));
    count(raw.start(), raw.end());
    position = raw.end();
    String after = raw.group(5);
    return "-".equals(after) ? Trim.ALL : newline(after.isEmpty() ? ' ' : '+');
  }

  private static Trim newline(char mark) {
    return mark == '+' ? Trim.NOTHING : Trim.NEWLINE;
  }

  private Trim code(boolean block) {
    String close = block ? "%}" : "}}";
    int depth = 0;
    while (true) {
      if (position >= source.length()) {
        throw JinjaException.at(line, "a tag is not closed by " + close);
      }
      char c = source.charAt(position);
      boolean marked = c == '-' || (block && c == '+');
      int at = marked ? position + 1 : position;
      if (depth == 0 && source.startsWith(close, at)) {
        position = at + 2;
        tokens.add(new Token(block ? Kind.BLOCK_END : Kind.PRINT_END, "", line));
        return marked && c == '-' ? Trim.ALL : block ? newline(c) : Trim.NOTHING;
      }
      depth += token();
    }
  }

  /** Reads a token of an expression and returns by how much it nests deeper. */
  private int token() {
    Matcher found = TOKEN.matcher(source).region(position, source.length());
    if (!found.lookingAt()) {
      throw JinjaException.at(line, "unexpected character " + source.charAt(position));
    }
    String text = found.group();
    position = found.end();
    int before = line;
    count(found.start(), found.end());
    for (Kind kind : List.of(Kind.FLOAT, Kind.INTEGER, Kind.NAME, Kind.STRING, Kind.OPERATOR)) {
      if (found.group(kind.name().toLowerCase(java.util.Locale.ROOT)) != null) {
        tokens.add(new Token(kind, kind == Kind.STRING ? unquoted(text) : text, before));
      }
    }
    return text.matches("[({\\[]") ? 1 : text.matches("[)}\\]]") ? -1 : 0;
  }

  private String unquoted(String literal) {
    StringBuilder text = new StringBuilder();
    for (int i = 1; i < literal.length() - 1; i++) {
      char c = literal.charAt(i);
      if (c != '\\') {
        text.append(c);
        continue;
      }
      char escaped = literal.charAt(++i);
      switch (escaped) {
        case 'n' -> text.append('\n');
        case 't' -> text.append('\t');
        case 'r' -> text.append('\r');
        case 'b' -> text.append('\b');
        case 'f' -> text.append('\f');
        case 'v' -> text.append('\u000b');
        case '0' -> text.append('\0');
        case '\n' -> {}
        case '\\', '\'', '"' -> text.append(escaped);
        case 'x', 'u', 'U' -> {
          int digits = escaped == 'x' ? 2 : escaped == 'u' ? 4 : 8;
          int end = Math.min(i + 1 + digits, literal.length() - 1);
          try {
            text.appendCodePoint(Integer.parseInt(literal.substring(i + 1, end), 16));
          } catch (IllegalArgumentException e) {
            throw JinjaException.at(line, "the escape \\" + escaped + " is malformed");
          }
          i = end - 1;
        }
        default -> text.append('\\').append(escaped);
      }
    }
    return text.toString();
  }
}

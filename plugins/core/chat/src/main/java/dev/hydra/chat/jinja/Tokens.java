package dev.hydra.chat.jinja;

import dev.hydra.chat.jinja.Token.Kind;
import java.util.List;

/** The tokens of a template, read from left to right. */
final class Tokens {
  private final List<Token> all;
  private int position;

  Tokens(List<Token> all) {
    this.all = all;
  }

  Token peek() {
    return all.get(position);
  }

  Token peek(int further) {
    return all.get(Math.min(position + further, all.size() - 1));
  }

  Token next() {
    Token token = peek();
    position = Math.min(position + 1, all.size() - 1);
    return token;
  }

  boolean skip(Kind kind, String text) {
    boolean found = peek().is(kind, text);
    if (found) {
      next();
    }
    return found;
  }

  boolean skipOperator(String text) {
    return skip(Kind.OPERATOR, text);
  }

  boolean skipName(String text) {
    return skip(Kind.NAME, text);
  }

  String name() {
    return expect(Kind.NAME).text();
  }

  Token expect(Kind kind) {
    if (peek().kind() != kind) {
      throw unexpected(kind.name().toLowerCase(java.util.Locale.ROOT).replace('_', ' '));
    }
    return next();
  }

  void operator(String text) {
    if (!skipOperator(text)) {
      throw unexpected("'" + text + "'");
    }
  }

  JinjaException unexpected(String wanted) {
    Token found = peek();
    String what = found.kind() == Kind.END ? "the end" : "'" + found.text() + "'";
    return JinjaException.at(found.line(), "expected " + wanted + ", found " + what);
  }
}

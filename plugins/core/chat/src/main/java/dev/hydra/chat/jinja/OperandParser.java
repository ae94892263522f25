package dev.hydra.chat.jinja;

import dev.hydra.chat.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Parses what operators combine: literals, names, brackets, and what is done to them from behind.
 */
final class OperandParser {
  private static final Set<String> AFTER_TEST =
      Set.of("else", "or", "and", "is", "if", "in", "not");

  private final Tokens tokens;
  private final ExpressionParser expressions;

  OperandParser(Tokens tokens, ExpressionParser expressions) {
    this.tokens = tokens;
    this.expressions = expressions;
  }

  /** Parses one with its sign, attributes, calls, filters and tests. */
  Expression parse() {
    return filters(signed());
  }

  private Expression signed() {
    Expression value;
    if (tokens.skipOperator("-")) {
      Expression inner = signed();
      value = scope -> Arithmetic.negative(inner.in(scope));
    } else if (tokens.skipOperator("+")) {
      value = signed();
    } else {
      value = primary();
    }
    return postfix(value);
  }

  private Expression primary() {
    Token token = tokens.next();
    return switch (token.kind()) {
      case STRING -> {
        StringBuilder text = new StringBuilder(token.text());
        while (tokens.peek().kind() == Kind.STRING) {
          text.append(tokens.next().text());
        }
        String whole = text.toString();
        yield scope -> whole;
      }
      case INTEGER -> constant(Long.parseLong(token.text().replace("_", "")));
      case FLOAT -> constant(Double.parseDouble(token.text().replace("_", "")));
      case NAME -> name(token.text());
      case OPERATOR -> bracket(token);
      default -> throw JinjaException.at(token.line(), "expected an expression");
    };
  }

  private static Expression constant(Object value) {
    return scope -> value;
  }

  private static Expression name(String name) {
    return switch (name) {
      case "true", "True" -> constant(true);
      case "false", "False" -> constant(false);
      case "none", "None" -> constant(None.NONE);
      default -> scope -> scope.get(name);
    };
  }

  private Expression bracket(Token open) {
    switch (open.text()) {
      case "(" -> {
        if (tokens.skipOperator(")")) {
          return constant(List.of());
        }
        Expression inner = expressions.parseTuple();
        tokens.operator(")");
        return inner;
      }
      case "[" -> {
        List<Expression> all = new ArrayList<>();
        while (!tokens.skipOperator("]")) {
          all.add(expressions.parse());
          if (!tokens.peek().operator("]")) {
            tokens.operator(",");
          }
        }
        return list(all);
      }
      case "{" -> {
        return dictionary();
      }
      default ->
          throw JinjaException.at(
              open.line(), "expected an expression, found '" + open.text() + "'");
    }
  }

  /** Makes a list of what expressions give. */
  static Expression list(List<Expression> all) {
    return scope -> {
      List<Object> values = new ArrayList<>();
      all.forEach(each -> values.add(each.in(scope)));
      return values;
    };
  }

  private Expression dictionary() {
    Map<Expression, Expression> entries = new LinkedHashMap<>();
    while (!tokens.skipOperator("}")) {
      Expression key = expressions.parse();
      tokens.operator(":");
      entries.put(key, expressions.parse());
      if (!tokens.peek().operator("}")) {
        tokens.operator(",");
      }
    }
    return scope -> {
      Map<Object, Object> map = new LinkedHashMap<>();
      entries.forEach((key, value) -> map.put(key.in(scope), value.in(scope)));
      return map;
    };
  }

  private Expression postfix(Expression start) {
    Expression value = start;
    while (true) {
      Expression before = value;
      if (tokens.skipOperator(".")) {
        Token token = tokens.next();
        if (token.kind() == Kind.INTEGER) {
          Object index = Long.parseLong(token.text());
          value = scope -> Access.element(before.in(scope), index);
        } else if (token.kind() == Kind.NAME) {
          value = scope -> Access.attribute(before.in(scope), token.text());
        } else {
          throw JinjaException.at(token.line(), "expected a name after the dot");
        }
      } else if (tokens.skipOperator("[")) {
        value = subscript(before);
      } else if (tokens.peek().operator("(")) {
        value = call(before, tokens.peek().line());
      } else {
        return value;
      }
    }
  }

  private Expression subscript(Expression value) {
    @Nullable Expression first = tokens.peek().operator(":") ? null : expressions.parseTuple();
    if (first != null && tokens.skipOperator("]")) {
      return scope -> Access.element(value.in(scope), first.in(scope));
    }
    tokens.operator(":");
    Expression nothing = constant(None.NONE);
    Expression to = sliceEnd() ? nothing : expressions.parse();
    Expression step = tokens.skipOperator(":") && !sliceEnd() ? expressions.parse() : nothing;
    tokens.operator("]");
    Expression from = first == null ? nothing : first;
    return scope -> Access.slice(value.in(scope), from.in(scope), to.in(scope), step.in(scope));
  }

  private boolean sliceEnd() {
    return tokens.peek().operator(":") || tokens.peek().operator("]");
  }

  private Expression call(Expression callee, int line) {
    CallArguments with = arguments();
    return scope -> {
      Object function = callee.in(scope);
      if (function instanceof Callable callable) {
        return callable.call(with.in(scope));
      } else if (function instanceof Undefined nothing) {
        throw nothing.error();
      }
      throw JinjaException.at(line, "'" + Values.type(function) + "' object is not callable");
    };
  }

  /** Parses the arguments of a call, their brackets included. */
  CallArguments arguments() {
    List<Expression> positional = new ArrayList<>();
    Map<String, Expression> named = new LinkedHashMap<>();
    tokens.operator("(");
    while (!tokens.skipOperator(")")) {
      if (tokens.peek().kind() == Kind.NAME && tokens.peek(1).operator("=")) {
        String name = tokens.name();
        tokens.next();
        named.put(name, expressions.parse());
      } else {
        positional.add(expressions.parse());
      }
      if (!tokens.peek().operator(")")) {
        tokens.operator(",");
      }
    }
    return new CallArguments(positional, named);
  }

  private Expression filters(Expression start) {
    Expression value = start;
    while (true) {
      if (tokens.skipOperator("|")) {
        value = filter(value);
      } else if (tokens.skipName("is")) {
        value = test(value);
      } else if (tokens.peek().operator("(")) {
        value = call(value, tokens.peek().line());
      } else {
        return value;
      }
    }
  }

  /** Parses a filter after its bar. */
  Expression filter(Expression value) {
    String name = tokens.name();
    CallArguments with = tokens.peek().operator("(") ? arguments() : CallArguments.NONE;
    return scope -> Filters.apply(name, value.in(scope), with.in(scope));
  }

  private Expression test(Expression value) {
    boolean negated = tokens.skipName("not");
    String name = tokens.name();
    CallArguments with = CallArguments.NONE;
    Token next = tokens.peek();
    if (next.operator("(")) {
      with = arguments();
    } else if ((next.kind() == Kind.NAME && !AFTER_TEST.contains(next.text()))
        || next.kind() == Kind.STRING
        || next.kind() == Kind.INTEGER
        || next.kind() == Kind.FLOAT
        || next.operator("[")
        || next.operator("{")) {
      with = new CallArguments(List.of(postfix(primary())), Map.of());
    }
    CallArguments given = with;
    return scope -> Tests.apply(name, value.in(scope), given.in(scope)) != negated;
  }
}

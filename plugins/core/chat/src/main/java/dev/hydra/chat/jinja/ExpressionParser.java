package dev.hydra.chat.jinja;

import dev.hydra.chat.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Parses expressions, with the precedences of Jinja's own parser. */
final class ExpressionParser {
  private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", "<=", ">", ">=");
  private static final Set<String> AFTER_TEST =
      Set.of("else", "or", "and", "is", "if", "in", "not");

  private final Tokens tokens;

  ExpressionParser(Tokens tokens) {
    this.tokens = tokens;
  }

  /** Parses one with {@code if ... else}. */
  Expression parse() {
    Expression value = parseWithoutCondition();
    while (tokens.skipName("if")) {
      Expression yes = value;
      Expression condition = parseWithoutCondition();
      Expression no = tokens.skipName("else") ? parse() : scope -> new Undefined("the value");
      value = scope -> Values.truthy(condition.in(scope)) ? yes.in(scope) : no.in(scope);
    }
    return value;
  }

  /** Parses one or, where commas follow, a tuple. */
  Expression parseTuple() {
    Expression first = parse();
    if (!tokens.peek().operator(",")) {
      return first;
    }
    List<Expression> all = new ArrayList<>(List.of(first));
    while (tokens.skipOperator(",")) {
      if (tokens.peek().kind() == Kind.BLOCK_END
          || tokens.peek().kind() == Kind.PRINT_END
          || tokens.peek().operator(")")) {
        break;
      }
      all.add(parse());
    }
    return list(all);
  }

  Expression parseWithoutCondition() {
    Expression left = and();
    while (tokens.skipName("or")) {
      Expression one = left;
      Expression other = and();
      left =
          scope -> {
            Object value = one.in(scope);
            return Values.truthy(value) ? value : other.in(scope);
          };
    }
    return left;
  }

  private Expression and() {
    Expression left = not();
    while (tokens.skipName("and")) {
      Expression one = left;
      Expression other = not();
      left =
          scope -> {
            Object value = one.in(scope);
            return Values.truthy(value) ? other.in(scope) : value;
          };
    }
    return left;
  }

  private Expression not() {
    if (tokens.skipName("not")) {
      Expression value = not();
      return scope -> !Values.truthy(value.in(scope));
    }
    return comparison();
  }

  private record Comparison(String operator, Expression right) {}

  private Expression comparison() {
    Expression first = sum();
    List<Comparison> all = new ArrayList<>();
    while (true) {
      Token token = tokens.peek();
      if (token.kind() == Kind.OPERATOR && COMPARISONS.contains(token.text())) {
        tokens.next();
        all.add(new Comparison(token.text(), sum()));
      } else if (tokens.skipName("in")) {
        all.add(new Comparison("in", sum()));
      } else if (token.name("not") && tokens.peek(1).name("in")) {
        tokens.next();
        tokens.next();
        all.add(new Comparison("not in", sum()));
      } else {
        break;
      }
    }
    if (all.isEmpty()) {
      return first;
    }
    return scope -> {
      Object left = first.in(scope);
      for (Comparison each : all) {
        Object right = each.right().in(scope);
        if (!compare(each.operator(), left, right)) {
          return false;
        }
        left = right;
      }
      return true;
    };
  }

  private static boolean compare(String operator, Object a, Object b) {
    return switch (operator) {
      case "==" -> Values.equal(a, b);
      case "!=" -> !Values.equal(a, b);
      case "in" -> Values.contains(b, a);
      case "not in" -> !Values.contains(b, a);
      case "<" -> Values.compare(a, b, operator) < 0;
      case "<=" -> Values.compare(a, b, operator) <= 0;
      case ">" -> Values.compare(a, b, operator) > 0;
      default -> Values.compare(a, b, operator) >= 0;
    };
  }

  private Expression sum() {
    Expression left = concatenation();
    while (tokens.peek().operator("+") || tokens.peek().operator("-")) {
      left = binary(tokens.next(), left, concatenation());
    }
    return left;
  }

  private Expression concatenation() {
    Expression left = product();
    while (tokens.skipOperator("~")) {
      Expression one = left;
      Expression other = product();
      left = scope -> Values.str(one.in(scope)) + Values.str(other.in(scope));
    }
    return left;
  }

  private Expression product() {
    Expression left = power();
    while (tokens.peek().kind() == Kind.OPERATOR
        && Set.of("*", "/", "//", "%").contains(tokens.peek().text())) {
      left = binary(tokens.next(), left, power());
    }
    return left;
  }

  private Expression power() {
    Expression left = unary(true);
    while (tokens.peek().operator("**")) {
      left = binary(tokens.next(), left, unary(true));
    }
    return left;
  }

  private static Expression binary(Token operator, Expression left, Expression right) {
    return scope -> Arithmetic.apply(operator.text(), left.in(scope), right.in(scope));
  }

  private Expression unary(boolean filtered) {
    Expression value;
    if (tokens.skipOperator("-")) {
      Expression inner = unary(false);
      value = scope -> Arithmetic.negative(inner.in(scope));
    } else if (tokens.skipOperator("+")) {
      value = unary(false);
    } else {
      value = primary();
    }
    value = postfix(value);
    return filtered ? filters(value) : value;
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
        Expression inner = parseTuple();
        tokens.operator(")");
        return inner;
      }
      case "[" -> {
        List<Expression> all = new ArrayList<>();
        while (!tokens.skipOperator("]")) {
          all.add(parse());
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

  private static Expression list(List<Expression> all) {
    return scope -> {
      List<Object> values = new ArrayList<>();
      all.forEach(each -> values.add(each.in(scope)));
      return values;
    };
  }

  private Expression dictionary() {
    Map<Expression, Expression> entries = new LinkedHashMap<>();
    while (!tokens.skipOperator("}")) {
      Expression key = parse();
      tokens.operator(":");
      entries.put(key, parse());
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
    @Nullable Expression first = tokens.peek().operator(":") ? null : parseTuple();
    if (first != null && tokens.skipOperator("]")) {
      return scope -> Access.element(value.in(scope), first.in(scope));
    }
    tokens.operator(":");
    Expression nothing = constant(None.NONE);
    Expression to = sliceEnd() ? nothing : parse();
    Expression step = tokens.skipOperator(":") && !sliceEnd() ? parse() : nothing;
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

  /** The arguments of a call, not yet computed. */
  record CallArguments(List<Expression> positional, Map<String, Expression> named) {
    static final CallArguments NONE = new CallArguments(List.of(), Map.of());

    Arguments in(Scope scope) {
      List<Object> values = new ArrayList<>();
      positional.forEach(each -> values.add(each.in(scope)));
      Map<String, Object> byName = new LinkedHashMap<>();
      named.forEach((name, each) -> byName.put(name, each.in(scope)));
      return new Arguments(values, byName);
    }
  }

  CallArguments arguments() {
    List<Expression> positional = new ArrayList<>();
    Map<String, Expression> named = new LinkedHashMap<>();
    tokens.operator("(");
    while (!tokens.skipOperator(")")) {
      if (tokens.peek().kind() == Kind.NAME && tokens.peek(1).operator("=")) {
        String name = tokens.name();
        tokens.next();
        named.put(name, parse());
      } else {
        positional.add(parse());
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

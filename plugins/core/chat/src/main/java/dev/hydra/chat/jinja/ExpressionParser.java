package dev.hydra.chat.jinja;

import dev.hydra.chat.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** Parses operators and what they combine, with the precedences of Jinja's own parser. */
final class ExpressionParser {
  private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", "<=", ">", ">=");
  private static final Set<String> FACTORS = Set.of("*", "/", "//", "%");

  private final Tokens tokens;
  private final OperandParser operands;

  ExpressionParser(Tokens tokens) {
    this.tokens = tokens;
    operands = new OperandParser(tokens, this);
  }

  /** Returns the parser of what operators combine. */
  OperandParser operands() {
    return operands;
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
    return OperandParser.list(all);
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
    while (tokens.peek().kind() == Kind.OPERATOR && FACTORS.contains(tokens.peek().text())) {
      left = binary(tokens.next(), left, power());
    }
    return left;
  }

  private Expression power() {
    Expression left = operands.parse();
    while (tokens.peek().operator("**")) {
      left = binary(tokens.next(), left, operands.parse());
    }
    return left;
  }

  private static Expression binary(Token operator, Expression left, Expression right) {
    return scope -> Arithmetic.apply(operator.text(), left.in(scope), right.in(scope));
  }
}

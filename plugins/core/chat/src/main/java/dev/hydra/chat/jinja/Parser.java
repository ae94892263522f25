package dev.hydra.chat.jinja;

import dev.hydra.chat.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Parses a template: text, printed expressions and statements. */
final class Parser {
  private static final String BLOCK = "the text of the block";

  private final Tokens tokens;
  private final ExpressionParser expressions;
  private boolean generates;

  private Parser(Tokens tokens) {
    this.tokens = tokens;
    this.expressions = new ExpressionParser(tokens);
  }

  /** A template as it was parsed, and whether it says where the assistant speaks. */
  record Parsed(Statement body, boolean generates) {}

  static Parsed parse(String template) {
    Parser parser = new Parser(new Tokens(Lexer.tokens(template)));
    Statement all = parser.body(Set.of());
    if (parser.tokens.peek().kind() != Kind.END) {
      throw parser.tokens.unexpected("a statement");
    }
    return new Parsed(all, parser.generates);
  }

  /** Parses up to a statement of one of these names, whose name is the next token then. */
  private Statement body(Set<String> ends) {
    List<Statement> all = new ArrayList<>();
    while (true) {
      Token token = tokens.peek();
      if (token.kind() == Kind.TEXT) {
        String text = tokens.next().text();
        all.add((scope, out) -> out.append(text));
      } else if (token.kind() == Kind.PRINT_BEGIN) {
        tokens.next();
        Expression value = expressions.parseTuple();
        tokens.expect(Kind.PRINT_END);
        all.add((scope, out) -> out.append(Values.str(value.in(scope))));
      } else if (token.kind() == Kind.BLOCK_BEGIN) {
        tokens.next();
        if (ends.contains(tokens.peek().text())) {
          return Statement.all(all);
        }
        all.add(statement());
      } else if (ends.isEmpty() && token.kind() == Kind.END) {
        return Statement.all(all);
      } else {
        throw tokens.unexpected(String.join(" or ", ends));
      }
    }
  }

  /** Parses a body and the tag that ends it. */
  private Statement bodyUntil(String end) {
    Statement body = body(Set.of(end));
    tokens.next();
    tokens.expect(Kind.BLOCK_END);
    return body;
  }

  private Statement statement() {
    Token name = tokens.expect(Kind.NAME);
    return switch (name.text()) {
      case "if" -> condition();
      case "for" -> loop();
      case "set" -> set();
      case "macro" -> macro();
      case "call" -> call();
      case "filter" -> filter();
      case "break" -> control(true);
      case "continue" -> control(false);
      case "do" -> {
        Expression value = expressions.parseTuple();
        tokens.expect(Kind.BLOCK_END);
        yield (scope, out) -> value.in(scope);
      }
      // Where the assistant speaks, for masks; it prints as if it were not there.
      case "generation" -> {
        tokens.expect(Kind.BLOCK_END);
        Statement body = bodyUntil("endgeneration");
        generates = true;
        yield (scope, out) -> GenerationSpans.run(body, scope, out);
      }
      default ->
          throw JinjaException.at(
              name.line(), "the statement '" + name.text() + "' is not supported");
    };
  }

  private Statement control(boolean last) {
    tokens.expect(Kind.BLOCK_END);
    return (scope, out) -> {
      throw new LoopControl(last);
    };
  }

  private Statement condition() {
    Expression condition = expressions.parseTuple();
    tokens.expect(Kind.BLOCK_END);
    Statement yes = body(Set.of("elif", "else", "endif"));
    String end = tokens.name();
    Statement no = (scope, out) -> {};
    if (end.equals("elif")) {
      no = condition();
    } else {
      tokens.expect(Kind.BLOCK_END);
      if (end.equals("else")) {
        no = bodyUntil("endif");
      }
    }
    Statement otherwise = no;
    return (scope, out) -> (Values.truthy(condition.in(scope)) ? yes : otherwise).run(scope, out);
  }

  private List<String> targets() {
    boolean bracket = tokens.skipOperator("(");
    List<String> names = new ArrayList<>(List.of(tokens.name()));
    while (tokens.skipOperator(",")) {
      names.add(tokens.name());
    }
    if (bracket) {
      tokens.operator(")");
    }
    return names;
  }

  private static void assign(Scope scope, List<String> names, Object value) {
    if (names.size() == 1) {
      scope.set(names.get(0), value);
      return;
    }
    List<Object> values = Values.elements(value);
    if (values.size() != names.size()) {
      throw new JinjaException(
          values.size() + " values cannot be unpacked to " + names.size() + " names");
    }
    for (int i = 0; i < names.size(); i++) {
      scope.set(names.get(i), values.get(i));
    }
  }

  private Statement loop() {
    List<String> names = targets();
    if (!tokens.skipName("in")) {
      throw tokens.unexpected("'in'");
    }
    Expression over = expressions.parseWithoutCondition();
    @Nullable Expression condition = tokens.skipName("if") ? expressions.parse() : null;
    boolean recursive = tokens.skipName("recursive");
    if (recursive) {
      throw tokens.unexpected("a loop that is not recursive");
    }
    tokens.expect(Kind.BLOCK_END);
    Statement body = body(Set.of("else", "endfor"));
    boolean alternative = tokens.name().equals("else");
    tokens.expect(Kind.BLOCK_END);
    Statement otherwise = alternative ? bodyUntil("endfor") : (scope, out) -> {};
    return (scope, out) -> {
      List<Object> items = Values.elements(over.in(scope));
      if (condition != null) {
        items.removeIf(
            item -> {
              Scope inner = new Scope(scope);
              assign(inner, names, item);
              return !Values.truthy(condition.in(inner));
            });
      }
      if (items.isEmpty()) {
        otherwise.run(scope, out);
      }
      run(items, names, body, scope, out);
    };
  }

  private static void run(
      List<Object> items, List<String> names, Statement body, Scope scope, StringBuilder out) {
    int depth = scope.get("loop") instanceof Loop outer ? outer.depth() + 1 : 0;
    Loop loop = new Loop(items, depth);
    for (int i = 0; i < items.size(); i++) {
      Scope inner = new Scope(scope);
      loop.at(i);
      inner.set("loop", loop);
      assign(inner, names, items.get(i));
      try {
        body.run(inner, out);
      } catch (LoopControl control) {
        if (control.isLast()) {
          return;
        }
      }
    }
  }

  private Statement set() {
    if (tokens.peek(1).operator(".")) {
      String space = tokens.name();
      tokens.next();
      String name = tokens.name();
      return assignment((scope, value) -> setIn(scope.get(space), space, name, value));
    }
    List<String> names = targets();
    return assignment((scope, value) -> assign(scope, names, value));
  }

  @FunctionalInterface
  private interface Setter {
    void set(Scope scope, Object value);
  }

  private Statement assignment(Setter target) {
    if (tokens.skipOperator("=")) {
      Expression value = expressions.parseTuple();
      tokens.expect(Kind.BLOCK_END);
      return (scope, out) -> target.set(scope, value.in(scope));
    }
    Expression filtered = block();
    tokens.expect(Kind.BLOCK_END);
    Statement body = bodyUntil("endset");
    return (scope, out) -> target.set(scope, filtered(body, filtered, scope));
  }

  private static void setIn(Object space, String what, String name, Object value) {
    if (!(space instanceof Namespace namespace)) {
      throw new JinjaException("cannot set " + name + " of " + what + ", which is not a namespace");
    }
    namespace.values().put(name, value);
  }

  private static String render(Statement body, Scope scope) {
    StringBuilder text = new StringBuilder();
    body.run(scope, text);
    return text.toString();
  }

  private Map<String, Expression> parameters() {
    Map<String, Expression> parameters = new LinkedHashMap<>();
    tokens.operator("(");
    while (!tokens.skipOperator(")")) {
      String name = tokens.name();
      parameters.put(
          name,
          tokens.skipOperator("=")
              ? expressions.parse()
              : scope -> new Undefined("parameter '" + name + "'"));
      if (!tokens.peek().operator(")")) {
        tokens.operator(",");
      }
    }
    return parameters;
  }

  private Statement macro() {
    String name = tokens.name();
    Map<String, Expression> parameters = parameters();
    tokens.expect(Kind.BLOCK_END);
    Statement body = bodyUntil("endmacro");
    return (scope, out) -> scope.set(name, callable(parameters, body, scope));
  }

  private static Callable callable(
      Map<String, Expression> parameters, Statement body, Scope scope) {
    return with -> {
      Scope inner = new Scope(scope);
      int index = 0;
      for (Map.Entry<String, Expression> each : parameters.entrySet()) {
        Object value =
            index < with.size()
                ? with.positional().get(index)
                : with.named().containsKey(each.getKey())
                    ? with.get(index, each.getKey(), None.NONE)
                    : each.getValue().in(inner);
        inner.set(each.getKey(), value);
        index++;
      }
      if (with.named().get("caller") instanceof Callable caller) {
        inner.set("caller", caller);
      }
      return render(body, inner);
    };
  }

  private Statement call() {
    Map<String, Expression> parameters = tokens.peek().operator("(") ? parameters() : Map.of();
    int line = tokens.peek().line();
    String macro = tokens.name();
    CallArguments with = expressions.operands().arguments();
    tokens.expect(Kind.BLOCK_END);
    Statement body = bodyUntil("endcall");
    return (scope, out) -> {
      if (!(scope.get(macro) instanceof Callable function)) {
        throw JinjaException.at(line, "there is no macro '" + macro + "'");
      }
      Arguments given = with.in(scope);
      Map<String, Object> named = new LinkedHashMap<>(given.named());
      named.put("caller", callable(parameters, body, scope));
      out.append(Values.str(function.call(new Arguments(given.positional(), named))));
    };
  }

  private Statement filter() {
    Expression first = expressions.operands().filter(scope -> scope.get(BLOCK));
    Expression filtered = filters(first);
    tokens.expect(Kind.BLOCK_END);
    Statement body = bodyUntil("endfilter");
    return (scope, out) -> out.append(Values.str(filtered(body, filtered, scope)));
  }

  /** Parses the filters of a block, whose text has a name that no template can write. */
  private Expression block() {
    return filters(scope -> scope.get(BLOCK));
  }

  private Expression filters(Expression text) {
    Expression filtered = text;
    while (tokens.skipOperator("|")) {
      filtered = expressions.operands().filter(filtered);
    }
    return filtered;
  }

  private static Object filtered(Statement body, Expression filtered, Scope scope) {
    Scope inner = new Scope(scope);
    inner.set(BLOCK, render(body, inner));
    return filtered.in(inner);
  }
}

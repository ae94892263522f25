package dev.hydra.huggingface;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Writes a model as HOCON, as a person would. */
final class ModelText {
  private static final double SMALL = 1e-3;

  private final ModelPlan plan;
  private final StringBuilder text = new StringBuilder();

  ModelText(ModelPlan plan) {
    this.plan = plan;
  }

  String render() {
    boolean one = plan.layer().size() == 1;
    line(0, "model {");
    String depth = one ? ", depth = " + plan.depth() : "";
    line(1, "vocab-size = " + plan.vocabSize() + ", width = " + plan.width() + depth);
    line(1, "tie-embeddings = " + plan.tied());
    plan.options().forEach((key, value) -> line(1, key + " = " + value(value)));
    if (one) {
      block(1, "block {", plan.layer().get(0), "}");
    } else {
      line(1, "stack = [ {");
      line(2, "repeat = " + plan.depth());
      line(2, "blocks = [");
      plan.layer().forEach(block -> block(3, "{", block, "}"));
      line(2, "]");
      line(1, "} ]");
    }
    line(0, "}");
    return text.toString();
  }

  private void block(int indent, String open, BlockPlan block, String close) {
    line(indent, open);
    line(indent + 1, "topology = " + (block.parallel() ? "parallel" : "sequential"));
    line(indent + 1, "paths = [");
    block.paths().forEach(path -> path(indent + 2, path));
    line(indent + 1, "]");
    line(indent, close);
  }

  private void path(int indent, PathPlan path) {
    Map<String, Object> options = new LinkedHashMap<>();
    if (!path.name().equals(path.role())) {
      options.put("name", path.name());
    }
    LayerSlices.of(path.layers(), plan.depth()).ifPresent(at -> options.put("at", at));
    if (path.scale() != 1) {
      options.put("scale", path.scale());
    }
    if (path.inputScale() != 1) {
      options.put("input-scale", path.inputScale());
    }
    // Without a gate: in a parallel block the default is a learned one.
    options.put("gate", "none");
    line(indent, "{");
    line(indent + 1, join(options));
    line(indent + 1, path.role() + " {");
    List<String> nested = new ArrayList<>();
    Map<String, Object> flat = new LinkedHashMap<>();
    path.part()
        .options()
        .forEach(
            (key, value) -> {
              if (value instanceof Map<?, ?> map) {
                nested.add(key + " { " + join(map) + " }");
              } else {
                flat.put(key, value);
              }
            });
    line(indent + 2, join(flat));
    nested.forEach(each -> line(indent + 2, each));
    line(indent + 1, "}");
    line(indent, "}");
  }

  private static String join(Map<?, ?> options) {
    return String.join(
        ", ",
        options.entrySet().stream().map(e -> e.getKey() + " = " + value(e.getValue())).toList());
  }

  private static String value(Object value) {
    if (value instanceof Double number) {
      return number(number);
    } else if (value instanceof List<?> list) {
      return "[" + String.join(", ", list.stream().map(ModelText::value).toList()) + "]";
    } else if (value instanceof String word && !word.matches("[a-z][a-z0-9-]*")) {
      return '"' + word + '"';
    }
    return value.toString();
  }

  /** The shortest text that is read as the same number. */
  private static String number(double number) {
    BigDecimal decimal = new BigDecimal(Double.toString(number)).stripTrailingZeros();
    boolean scientific = number != 0 && Math.abs(number) < SMALL && decimal.precision() <= 2;
    return scientific
        ? decimal.unscaledValue() + "e" + -decimal.scale()
        : decimal.toPlainString();
  }

  private void line(int indent, String line) {
    text.append("  ".repeat(indent)).append(line).append('\n');
  }
}

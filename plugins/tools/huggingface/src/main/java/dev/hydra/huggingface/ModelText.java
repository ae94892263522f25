package dev.hydra.huggingface;

import java.math.BigDecimal;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Writes a model as HOCON, as a person would. */
final class ModelText {
  private static final double SMALL = 1e-3;
  private static final int LINE = 100;

  private final ModelPlan plan;
  private final StringBuilder text = new StringBuilder();

  ModelText(ModelPlan plan) {
    this.plan = plan;
  }

  String render() {
    Backbone backbone = plan.backbone();
    boolean one = plan.layer().size() == 1;
    line(0, "model {");
    String depth = one ? ", depth = " + backbone.depth() : "";
    line(1, "vocab-size = " + backbone.vocabSize() + ", width = " + backbone.width() + depth);
    Map<String, Object> options = new LinkedHashMap<>();
    options.put("tie-embeddings", backbone.tied());
    options.put("norm-epsilon", backbone.epsilon());
    options.putAll(backbone.options());
    line(1, join(options));
    if (one) {
      block(1, "block {", plan.layer().get(0), "}");
    } else {
      line(1, "stack = [ {");
      line(2, "repeat = " + backbone.depth());
      line(2, "blocks = [");
      plan.layer().forEach(block -> block(3, "{", block, "}"));
      line(2, "]");
      line(1, "} ]");
    }
    line(0, "}");
    if (!backbone.generation().isEmpty()) {
      line(0, option("generation", backbone.generation()));
    }
    return text.toString();
  }

  private void block(int indent, String open, BlockPlan block, String close) {
    line(indent, open);
    line(indent + 1, "topology = " + (block.parallel() ? "parallel" : "sequential"));
    line(indent + 1, "paths = [");
    block.paths().forEach(path -> path(indent + 2, path, block.parallel()));
    line(indent + 1, "]");
    line(indent, close);
  }

  private void path(int indent, PathPlan path, boolean parallel) {
    Map<String, Object> options = new LinkedHashMap<>();
    if (!path.name().equals(path.role())) {
      options.put("name", path.name());
    }
    LayerSlices.of(path.layers(), plan.backbone().depth()).ifPresent(at -> options.put("at", at));
    if (path.inputScale() != 1) {
      options.put("input-scale", path.inputScale());
    }
    if (path.scale() != 1) {
      options.put("scale", path.scale());
    }
    if (parallel) {
      options.put("gate", "none"); // where a learned one is the default
    }
    Map<String, Object> component = path.part().options();
    String rest = options.isEmpty() ? "" : ", " + join(options);
    String whole = "{ " + path.role() + " { " + join(component) + " }" + rest + " }";
    if (2 * indent + whole.length() <= LINE) {
      line(indent, whole);
      return;
    }
    line(indent, "{");
    if (!options.isEmpty()) {
      line(indent + 1, join(options));
    }
    String inner = path.role() + " { " + join(component) + " }";
    if (2 * (indent + 1) + inner.length() <= LINE) {
      line(indent + 1, inner);
    } else {
      line(indent + 1, path.role() + " {");
      wrapped(indent + 2, component);
      line(indent + 1, "}");
    }
    line(indent, "}");
  }

  /** Options in lines that are not too long. */
  private void wrapped(int indent, Map<String, Object> options) {
    StringBuilder line = new StringBuilder();
    for (Map.Entry<String, Object> option : options.entrySet()) {
      String next = option(option.getKey(), option.getValue());
      if (!line.isEmpty() && 2 * indent + line.length() + 2 + next.length() > LINE) {
        line(indent, line.toString());
        line.setLength(0);
      }
      line.append(line.isEmpty() ? "" : ", ").append(next);
    }
    line(indent, line.toString());
  }

  private static String join(Map<?, ?> options) {
    return String.join(
        ", ", options.entrySet().stream().map(e -> option(e.getKey(), e.getValue())).toList());
  }

  private static String option(Object key, Object value) {
    return value instanceof Map<?, ?> nested
        ? key + " { " + join(nested) + " }"
        : key + " = " + value(value);
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
    return scientific ? decimal.unscaledValue() + "e" + -decimal.scale() : decimal.toPlainString();
  }

  private void line(int indent, String line) {
    text.append("  ".repeat(indent)).append(line).append('\n');
  }
}

package dev.hydra.cli;

import dev.hydra.api.Messages;
import dev.hydra.composer.model.ModelSummary;
import dev.hydra.composer.model.ModelSummary.AtLength;
import dev.hydra.composer.model.ModelSummary.ComponentCount;
import dev.hydra.composer.model.ModelSummary.Count;
import dev.hydra.composer.model.TrainingMemory.Step;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.libtorch.runtime.ComputeType;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** An {@link ModelSummary} as a table for people and as JSON for programs. */
final class ModelSummaryReport {
  private static final String ROW = "%-24s %-26s %15s %15s%n";

  private static final double THOUSAND = 1000;
  private static final String[] UNITS = {"", "K", "M", "G", "T", "P"};

  private ModelSummaryReport() {}

  static void print(
      PrintWriter out,
      ModelSpec model,
      ModelSummary account,
      ScalarType type,
      Step step,
      String optimizer) {
    out.printf(
        "width %d, %s, vocabulary %d, %s, embeddings %s%n%n",
        model.width(),
        Messages.count(model.blocks().size(), "block"),
        model.vocabSize(),
        model.norm().name().toLowerCase(Locale.ROOT),
        model.tieEmbeddings() ? "tied" : "not tied");
    out.printf(ROW, "part", "type", "parameters", "per token");
    for (Group group : groups(model, account.parts())) {
      out.println(group.title());
      for (ComponentCount part : group.parts()) {
        row(out, "  " + part.path().name(), part.type(), part.count());
      }
    }
    out.println();
    account.roles().forEach((role, count) -> row(out, "all of " + role, "", count));
    row(out, "total", "", new Count(account.parameters(), account.activeParameters()));
    out.printf(
        "%n%-12s %18s %18s %18s %18s%n",
        "tokens", "forward/token", "decode/token", "training memory", "decoding memory");
    for (AtLength at : account.lengths()) {
      out.printf(
          "%-12s %18s %18s %18s %18s%n",
          String.format("%,d", at.tokens()),
          flops(at.forwardFlopsPerToken()),
          flops(at.decodeFlopsPerToken()),
          Messages.bytes(at.trainingBytes()),
          Messages.bytes(at.decodingBytes()));
    }
    out.printf(
        "%nMemory in %s: decoding of one sequence; a training step of %s on CUDA at its%n"
            + "fullest moment: masters, working copies, %s of %s's state, gradients%s and%n"
            + "activations%s as fused kernels keep them; plain operators keep more.%n",
        ComputeType.name(type),
        Messages.count(step.rows(), "sequence"),
        Messages.bytes(step.optimizer()),
        optimizer,
        step.accumulated() ? " added up over several forwards" : "",
        switch (step.recompute()) {
          case NONE -> "";
          case SELECTIVE -> ", of every second block computed again,";
          case FULL -> ", of all blocks computed again,";
        });
    out.flush();
  }

  private static void row(PrintWriter out, String name, String type, Count count) {
    out.printf(
        ROW,
        name,
        type,
        String.format("%,d", count.parameters()),
        String.format("%,d", count.activeParameters()));
  }

  /** Blocks in a row that have the same parts. */
  private record Group(int from, int to, List<ComponentCount> parts) {
    String title() {
      return from == to ? "block " + from : "blocks " + from + " to " + to + ", each";
    }
  }

  private static List<Group> groups(ModelSpec model, List<ComponentCount> parts) {
    List<Group> groups = new ArrayList<>();
    for (int block = 0; block < model.blocks().size(); block++) {
      SitePath site = SitePath.block(block);
      List<ComponentCount> own = parts.stream().filter(part -> site.contains(part.path())).toList();
      int last = groups.size() - 1;
      if (last >= 0 && shape(groups.get(last).parts()).equals(shape(own))) {
        Group before = groups.get(last);
        groups.set(last, new Group(before.from(), block, before.parts()));
      } else {
        groups.add(new Group(block, block, own));
      }
    }
    return groups;
  }

  private static List<String> shape(List<ComponentCount> parts) {
    return parts.stream()
        .map(part -> part.path().name() + " " + part.type() + part.count())
        .toList();
  }

  static Map<String, Object> json(ModelSpec model, ModelSummary account) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("width", model.width());
    json.put("depth", model.blocks().size());
    json.put("vocab_size", model.vocabSize());
    json.put("parameters", account.parameters());
    json.put("active_parameters", account.activeParameters());
    Map<String, Object> roles = new LinkedHashMap<>();
    account.roles().forEach((role, count) -> roles.put(role, json(count)));
    json.put("roles", roles);
    json.put(
        "parts",
        account.parts().stream()
            .map(
                part -> {
                  Map<String, Object> one = new LinkedHashMap<>();
                  one.put("path", part.path().text());
                  one.put("role", part.role());
                  one.put("type", part.type());
                  one.putAll(json(part.count()));
                  return one;
                })
            .toList());
    json.put(
        "lengths",
        account.lengths().stream()
            .map(
                at -> {
                  Map<String, Object> one = new LinkedHashMap<>();
                  one.put("tokens", at.tokens());
                  one.put("forward_flops_per_token", at.forwardFlopsPerToken());
                  one.put("decode_flops_per_token", at.decodeFlopsPerToken());
                  one.put("training_bytes", at.trainingBytes());
                  one.put("decoding_bytes", at.decodingBytes());
                  return one;
                })
            .toList());
    return json;
  }

  private static Map<String, Object> json(Count count) {
    Map<String, Object> one = new LinkedHashMap<>();
    one.put("parameters", count.parameters());
    one.put("active_parameters", count.activeParameters());
    return one;
  }

  private static String flops(double value) {
    double scaled = value;
    int unit = 0;
    while (scaled >= THOUSAND && unit < UNITS.length - 1) {
      scaled /= THOUSAND;
      unit++;
    }
    return String.format("%.1f %sFLOP", scaled, UNITS[unit]);
  }
}

#pragma once

// Everything that a host needs. What deriva offers for other libraries is included on its own: deriva/core/fmt.hpp,
// deriva/observe/prometheus.hpp.

#include <deriva/core/address.hpp>
#include <deriva/core/blob.hpp>
#include <deriva/core/bytes.hpp>
#include <deriva/core/digest.hpp>
#include <deriva/core/error.hpp>
#include <deriva/core/event.hpp>
#include <deriva/core/event_set.hpp>
#include <deriva/core/observer.hpp>
#include <deriva/core/observer_hub.hpp>
#include <deriva/core/params.hpp>
#include <deriva/core/recipe.hpp>
#include <deriva/core/trace_context.hpp>

#include <deriva/storage/blob_store.hpp>
#include <deriva/storage/environment.hpp>
#include <deriva/storage/function_ref.hpp>
#include <deriva/storage/table.hpp>
#include <deriva/storage/transaction.hpp>

#include <deriva/dag/adjacency_cache.hpp>
#include <deriva/dag/dag_errors.hpp>
#include <deriva/dag/dag_snapshot.hpp>
#include <deriva/dag/dag_stats.hpp>
#include <deriva/dag/dag_view.hpp>
#include <deriva/dag/memory_dag.hpp>
#include <deriva/dag/persistent_dag.hpp>
#include <deriva/dag/traversal.hpp>

#include <deriva/store/divergence.hpp>
#include <deriva/store/impact.hpp>
#include <deriva/store/ledger.hpp>
#include <deriva/store/lookup.hpp>
#include <deriva/store/result_record.hpp>
#include <deriva/store/store.hpp>

#include <deriva/compute/audit.hpp>
#include <deriva/compute/compute_registry.hpp>
#include <deriva/compute/context.hpp>
#include <deriva/compute/executor.hpp>
#include <deriva/compute/executor_options.hpp>
#include <deriva/compute/function.hpp>
#include <deriva/compute/function_registry.hpp>
#include <deriva/compute/materialize_options.hpp>
#include <deriva/compute/static_registry.hpp>
#include <deriva/compute/sync_executor.hpp>
#include <deriva/compute/upgrade.hpp>
#include <deriva/compute/verify.hpp>

#include <deriva/observe/chrome_trace.hpp>
#include <deriva/observe/explain.hpp>
#include <deriva/observe/inputs_of.hpp>
#include <deriva/observe/log.hpp>
#include <deriva/observe/metric_family.hpp>
#include <deriva/observe/metrics.hpp>
#include <deriva/observe/open_metrics.hpp>
#include <deriva/observe/otlp.hpp>
#include <deriva/observe/progress.hpp>
#include <deriva/observe/progress_printer.hpp>
#include <deriva/observe/remaining_time.hpp>
#include <deriva/observe/report.hpp>
#include <deriva/observe/span.hpp>
#include <deriva/observe/usdt.hpp>

#include "store/catalogue.hpp"

namespace capeai::store {
namespace {

using pg::Type;

constexpr size_t kCatalogueColumns = 14;

const pg::Statement kCatalogue{R"(
SELECT a.slug, v.version, v.status, coalesce(v.manifest ->> 'name', a.name),
       coalesce(v.manifest ->> 'description', a.description),
       ARRAY(SELECT jsonb_array_elements_text(coalesce(v.manifest -> 'capabilities', '[]')))::text,
       a.visibility, a.owner::oid::text, s.rating::text, s.rating_lower::text, s.ratings::text, s.runs::text,
       s.success_rate::text, s.cost_per_run::text
FROM capeai.agents AS a
JOIN capeai.agent_versions AS v
  ON v.agent_id = a.id AND (v.id = a.published OR v.status = 'draft' AND a.owner = $1)
JOIN capeai.stat_agents AS s ON s.agent_version_id = v.id
WHERE ($2 OR a.owner = $1 OR a.visibility = 'public'
       OR a.visibility = 'role' AND pg_has_role($1, a.owner, 'USAGE'))
  AND NOT EXISTS (
    SELECT FROM regexp_split_to_table(lower($3), '\s+') AS word
    WHERE position(word IN lower(concat_ws(' ', a.slug, v.manifest ->> 'name', v.manifest ->> 'description',
                                           v.manifest ->> 'capabilities'))) = 0)
ORDER BY s.rating_lower DESC NULLS LAST, s.runs DESC, a.slug, v.published_at DESC NULLS LAST)",
                               {Type::kOid, Type::kBool, Type::kText}};

const pg::Statement kFeedback{R"(
INSERT INTO capeai.feedback (task_id, agent_id, agent_version_id, model, owner, user_id, rating, comment, corrected)
SELECT t.id, t.agent_id, t.agent_version_id, t.model, t.owner, t.user_id, $2, $3, $4 FROM capeai.tasks AS t WHERE t.id = $1
ON CONFLICT (task_id) DO UPDATE
  SET rating = EXCLUDED.rating, comment = EXCLUDED.comment, corrected = EXCLUDED.corrected, updated_at = now())",
                              {Type::kUuid, Type::kInt4, Type::kText, Type::kText}};

}  // namespace

std::vector<CatalogueRow> Catalogue(pg::Oid role, bool all, const std::string& search) {
  const pg::Rows rows = pg::Execute(kCatalogue, {int64_t{role}, all, std::string_view(search)});
  std::vector<CatalogueRow> catalogue(rows.size(), CatalogueRow(kCatalogueColumns));
  for (size_t i = 0; i < rows.size(); ++i)
    for (size_t column = 0; column < kCatalogueColumns; ++column)
      catalogue[i][column] = rows.MaybeString(i, column);
  return catalogue;
}

void SaveFeedback(const Feedback& feedback) {
  pg::Execute(kFeedback, {feedback.task_id, int64_t{feedback.rating}, pg::Maybe(feedback.comment),
                          pg::Maybe(feedback.corrected)});
}

}  // namespace capeai::store
